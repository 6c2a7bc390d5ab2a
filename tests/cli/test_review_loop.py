"""The loop: predict, review on the page's addresses, import, fine-tune, predict again."""

import json

import numpy as np
import pytest

from scratch_d2.data.mask_files import read_mask
from scratch_d2.structures.masks import union_of_rles
from tests.builders import write_dataset
from tests.commands import TINY, run_command
from tests.review.results import serving
from tests.web.servers import ask

pytest.importorskip("uvicorn", reason="uvicorn is missing, run `pip install 'scratch_d2[review]'`")
OPTIONS = ("--config-file", TINY, "--engine", "embedded")
# Models that know next to nothing are sure of nothing.
UNSURE = ["SCRATCH.SCORE_THRESHOLD", "0.0", "MODEL.ROI_HEADS.SCORE_THRESH_TEST", "0.0"]
UNSURE += ["TEST.DETECTIONS_PER_IMAGE", "3"]


def answer_all(results):
    """Review every photograph as its folder says; the last outline of each is struck out."""
    answers = {}
    with serving(results) as url:
        while (image_id := ask(f"{url}/api/progress")[1]["next"]) is not None:
            shown = ask(f"{url}/api/photographs/{image_id}")[1]
            verdict = "bad" if "/bad/" in shown["file"] else "good"
            struck = [each["index"] for each in shown["outlines"]][-1:]
            status, _ = ask(
                f"{url}/api/photographs/{image_id}", {"decision": verdict, "struck": struck}
            )
            assert status == 200
            answers[image_id] = (verdict, struck)
    return answers


def expected_mask(row, struck):
    kept = [e["segmentation"] for i, e in enumerate(row["instances"]) if i not in struck]
    return union_of_rles(kept, row["height"], row["width"])


@pytest.mark.slow
def test_predict_review_import_fine_tune_predict(trained, tmp_path):
    unsorted = write_dataset(tmp_path / "unsorted", good=16, bad=14, seed=3)
    weights = ["MODEL.WEIGHTS", trained / "detector/model_final.pth"]
    weights += ["GATE.WEIGHTS", trained / "gate/model_final.pth"]
    folders = [unsorted / "good", unsorted / "bad"]
    results, labels, run = tmp_path / "results", tmp_path / "labels", tmp_path / "run"
    # So that the detector looks at every photograph.
    every = ["GATE.THRESHOLD", "0.0", "GATE.CHECK_IMAGES", "False", *UNSURE]
    done = run_command(
        "predict", *OPTIONS, "--input", *folders, "--output", results, *weights, *every
    )
    assert done.returncode == 0, done.stderr

    answers = answer_all(results)
    assert len(answers) == 30
    done = run_command("import", results, "--format", "review", "--out", labels)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in open(results / "results.jsonl")]
    masks = 0
    for row in rows:
        verdict, struck = answers[row["image_id"]]
        name = row["file"].rpartition("/")[2]
        assert (labels / verdict / name).is_file()
        mask = expected_mask(row, struck)
        if verdict == "bad" and 0 < mask.mean() <= 0.5:
            assert np.array_equal(read_mask(labels / "masks" / name), mask)
            masks += 1
    assert masks == len(list((labels / "masks").glob("*"))) > 0

    data = ["DATASETS.TRAIN", "('scratch_text_train',)", "DATASETS.TEST", "('scratch_text_val',)"]
    done = run_command("fine-tune", labels, "--output", run, *OPTIONS, *data, *weights, *UNSURE)
    assert done.returncode == 0, done.stderr
    tuned = ["--config-file", run / "detector/config.yaml", "--engine", "embedded"]
    gate = ["GATE.WEIGHTS", run / "gate/model_best.pth"]
    done = run_command(
        "predict", *tuned, "--input", *folders, "--output", tmp_path / "again", *gate
    )
    assert done.returncode == 0, done.stderr
    settings = json.loads((tmp_path / "again/settings.json").read_text())
    assert str(run) in settings["weights"] and str(run) in settings["gate_weights"]
    assert len((tmp_path / "again/results.jsonl").read_text().splitlines()) == 30
