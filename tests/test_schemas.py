"""The JSON schemas of docs/reference/schemas: what the package writes obeys them."""

import json
from pathlib import Path
from typing import Any

import pytest

import scratch_d2
from scratch_d2.cli.main import main
from scratch_d2.formats.review_file import Action, Review, row_key
from scratch_d2.review.log import ReviewLog
from tests.builders import save, write_dataset
from tests.documents import ROOT
from tests.inspection.fakes import bright_inspector, photograph

jsonschema = pytest.importorskip(
    "jsonschema", reason="jsonschema is missing, pip install jsonschema"
)
SCHEMAS = ROOT / "docs/reference/schemas"
# Each schema, and a file that it describes; of .jsonl files every line.
DESCRIBED = {
    "results_row": "results/results.jsonl",
    "coco_results": "results/coco_instances_results.json",
    "reviews_row": "results/reviews.jsonl",
    "evaluation": "evaluation/evaluation.json",
    "images_row": "evaluation/images.jsonl",
    "splits": "labels/splits.json",
    "thresholds": "chosen/thresholds.json",
    "coco_dataset": "train.json",
}


def load(name: str) -> dict[str, Any]:
    return json.loads((SCHEMAS / f"{name}.schema.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a dataset, its results, their evaluation, a calibration and reviews."""
    folder = tmp_path_factory.mktemp("written")
    labels = write_dataset(folder / "labels", good=12, bad=10)
    for number in range(3):
        save(photograph(True), labels / "bad" / f"found{number}.png")
    (labels / "bad/broken.png").write_bytes(b"\x89PNG")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        scratch_d2.predict_folder("labels", "results", bright_inspector())
        (labels / "bad/broken.png").unlink()
        log = ReviewLog(folder / "results/reviews.jsonl")
        rows = [json.loads(line) for line in Path("results/results.jsonl").read_text().splitlines()]
        for row in [row for row in rows if row["status"] == "ok"][:3]:
            review = Review("bad" if row["instances"] else "skip", (0,) if row["instances"] else ())
            log.add(Action(row["image_id"], row["file"], row_key(row), review))
        scratch_d2.evaluate("labels", "results", "evaluation")
        # Only the hash of the weights is written, so any file will do.
        (folder / "a.pth").write_bytes(b"weights")
        config = "quick_schedules/tiny_mask_rcnn_R_50_FPN.yaml"
        chosen = ["--inference", "evaluation", "--output", "chosen"]
        assert main(["calibrate", "--config-file", config, *chosen, "MODEL.WEIGHTS", "a.pth"]) == 0
        assert main(["split", "--root", "labels"]) == 0
        assert main(["coco", "--root", "labels", "--split", "train", "--output", "train.json"]) == 0
    return folder


@pytest.mark.parametrize("name", DESCRIBED)
def test_what_is_written_obeys_its_schema(name, written):
    validator = jsonschema.Draft202012Validator(load(name))
    file = written / DESCRIBED[name]
    text = file.read_text("utf-8")
    values = [json.loads(line) for line in text.splitlines()] if file.suffix == ".jsonl" else []
    for value in values or [json.loads(text)]:
        assert [error.message for error in validator.iter_errors(value)] == []


@pytest.mark.parametrize("file", ["weights/thresholds.json", "weights/splits.json"])
def test_the_files_of_the_reference_models_obey_their_schemas(file):
    values = json.loads((ROOT / file).read_text("utf-8"))
    jsonschema.Draft202012Validator(load(Path(file).stem)).validate(values)


def test_a_row_that_is_none_is_refused(written):
    row = json.loads((written / "results/results.jsonl").read_text("utf-8").splitlines()[0])
    validator = jsonschema.Draft202012Validator(load("results_row"))
    for wrong in ({**row, "verdict": "fine"}, {**row, "p_bad": 2}, {**row, "colour": "red"}):
        assert not validator.is_valid(wrong)


@pytest.mark.parametrize("name", DESCRIBED)
def test_every_key_is_explained(name):
    schema = load(name)
    page = (ROOT / "docs/reference/files.md").read_text("utf-8")
    page += (ROOT / "docs/guides/review.md").read_text("utf-8")
    keys = schema.get("items", schema)["properties"]
    assert [key for key, value in keys.items() if not value.get("description")] == []
    assert [key for key in keys if f"`{key}`" not in page and name != "coco_dataset"] == []
    assert f"{name}.schema.json" in page
