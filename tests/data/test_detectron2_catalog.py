"""Names in Detectron2's catalogs: ours as its tools want them, and those of other projects."""

import json

import pytest

from scratch_d2.data import get_dataset_dicts, register_scratch_dataset
from scratch_d2.data.catalog import find_dataset_dicts
from scratch_d2.data.coco import to_coco_results, write_coco_json
from scratch_d2.evaluation import evaluate_predictions
from tests.builders import predict_truth

pytestmark = pytest.mark.detectron2


@pytest.fixture
def foreign(labels, tmp_path):
    """The labels again, registered by register_coco_instances; returns a function of the JSON."""
    from detectron2.data import DatasetCatalog, MetadataCatalog
    from detectron2.data.datasets import register_coco_instances

    names = []

    def register(change=lambda coco: None):
        file = write_coco_json(get_dataset_dicts("tests_labels"), tmp_path / "coco.json")
        coco = json.loads(file.read_text())
        change(coco)
        file.write_text(json.dumps(coco))
        names.append(f"tests_foreign{len(names)}")
        register_coco_instances(names[-1], {}, str(file), str(labels))
        return names[-1]

    yield register
    for name in names:
        DatasetCatalog.remove(name)
        MetadataCatalog.remove(name)


def test_a_dataset_of_another_project_is_read_as_ours(foreign):
    dicts = get_dataset_dicts(foreign())
    assert find_dataset_dicts("tests_foreign0") == dicts
    for item, ours in zip(dicts, get_dataset_dicts("tests_labels"), strict=True):
        for key in ("file_name", "height", "width", "verdict", "sha256", "phash"):
            assert item[key] == ours[key]
        boxes = [each["bbox"] for each in ours["annotations"]]
        assert [each["bbox"] for each in item["annotations"]] == boxes
    results = evaluate_predictions("tests_foreign0", predict_truth(dicts))
    assert results["segm"]["AP"] == results["bbox"]["AP"] == 100
    assert results["image"]["area_accuracy"] == 0.6  # each scratch is smaller than 500 px


def second_category(coco):
    coco["categories"].append({"id": 7, "name": "stain"})


def no_mask(coco):
    del coco["annotations"][1]["segmentation"]


def other_size(coco):
    coco["images"][2]["width"] = 5


def no_file(coco):
    coco["images"][3]["file_name"] = "good/gone.png"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (second_category, "'tests_foreign0' has the classes scratch, stain; accepted is one"),
        (no_mask, "bad1.png': an annotation has no segmentation"),
        (other_size, "good2.png': the file is 96x64 pixels, the dataset says 5x64"),
        (no_file, "gone.png"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_by_name(foreign, change, message):
    with pytest.raises((ValueError, OSError), match=message):
        get_dataset_dicts(foreign(change))


@pytest.mark.parametrize("replace", [True, False])
def test_a_name_of_another_project_is_never_taken_over(labels, foreign, replace):
    from detectron2.data import DatasetCatalog

    name = foreign()
    theirs = DatasetCatalog.get(name)
    with pytest.raises(ValueError, match=f"'{name}' is already registered with Detectron2, and no"):
        register_scratch_dataset(name, labels, replace=replace)
    assert DatasetCatalog.get(name) == theirs
    register_scratch_dataset("tests_labels", labels, replace=True)  # our own name, again


def test_results_and_truth_have_one_category_whoever_writes_them(labels, tmp_path):
    """Our results, COCOEvaluator's truth and the map that visualize_json_results asks for."""
    from detectron2.data import MetadataCatalog
    from detectron2.data.datasets.coco import convert_to_coco_json
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    assert MetadataCatalog.get("tests_labels").thing_dataset_id_to_contiguous_id == {1: 0}
    convert_to_coco_json("tests_labels", str(tmp_path / "truth.json"), allow_cached=False)
    truth = COCO(str(tmp_path / "truth.json"))
    found = predict_truth(get_dataset_dicts("tests_labels"))
    rows = [row for image_id, each in found.items() for row in to_coco_results(image_id, each)]
    assert {row["category_id"] for row in rows} == set(truth.getCatIds()) == {1}
    evaluation = COCOeval(truth, truth.loadRes(rows), "segm")
    evaluation.evaluate(), evaluation.accumulate(), evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1)
