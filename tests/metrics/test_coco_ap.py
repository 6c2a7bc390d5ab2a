"""AP against pycocotools and Detectron2's COCOEvaluator, on random truths and detections."""

import contextlib
import io
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from scratch_d2.data.coco import to_coco, to_coco_results
from scratch_d2.metrics.bootstrap import Resampling, resample
from scratch_d2.metrics.coco_ap import average_precision, match_dataset, precision_by_level
from scratch_d2.metrics.matching import mean_width, true_masks
from scratch_d2.structures.masks import encode_rle
from scratch_d2.structures.prediction import Prediction
from tests.builders import rectangles

SIDE = 130  # so that all of COCO's ranges of area occur
NAMES = ("AP", "AP50", "AP75", "APs", "APm", "APl")


def draw(rng: np.random.Generator) -> tuple[int, int, int, int]:
    x, y = rng.integers(0, SIDE - 4, 2)
    width, height = (int(s) for s in rng.choice([2, 5, 20, 60, 110], 2))
    return int(x), int(y), min(SIDE, int(x) + width), min(SIDE, int(y) + height)


def make_case(seed: int, images: int = 6) -> tuple[list[dict], dict[int, Prediction]]:
    """Dataset dicts with rectangles, some of them crowds, and detections near and far of them."""
    rng, dicts, predictions = np.random.default_rng(seed), [], {}
    for image_id in range(images):
        boxes = [draw(rng) for _ in range(rng.integers(0, 4))]
        annotations = [
            {
                "bbox": [float(v) for v in box],
                "segmentation": encode_rle(rectangles(SIDE, SIDE, box)),
                "iscrowd": int(rng.random() < 0.15),
            }
            for box in boxes
        ]
        size = {"height": SIDE, "width": SIDE}
        dicts.append({"image_id": image_id, "file_name": f"{image_id}.png", **size})
        dicts[-1]["annotations"] = annotations
        near = [
            tuple(int(v) for v in np.clip(np.array(b) + rng.integers(-3, 4, 4), 0, SIDE))
            for b in boxes * int(rng.integers(1, 3))
        ]
        found = [b for b in near if b[2] > b[0] and b[3] > b[1]]
        found += [draw(rng) for _ in range(rng.integers(0, 5))]
        # Few distinct scores, so that ties occur.
        scores = np.sort(rng.choice([0.1, 0.3, 0.5, 0.9], len(found)))[::-1].astype(np.float32)
        masks = [encode_rle(rectangles(SIDE, SIDE, box)) for box in found]
        corners = np.array(found, np.float32).reshape(-1, 4)
        predictions[image_id] = Prediction(SIDE, SIDE, corners, scores, masks)
    return dicts, predictions


def by_pycocotools(dicts, predictions, kind: str, max_dets: int) -> dict[str, float]:
    truth = COCO()
    truth.dataset = to_coco(dicts)
    rows = [row for i, p in predictions.items() for row in to_coco_results(i, p)]
    if kind == "segm":  # with boxes there pycocotools would take areas from them
        rows = [{k: v for k, v in row.items() if k != "bbox"} for row in rows]
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(rows), kind)
        evaluation.params.maxDets = [max_dets]
        evaluation.evaluate()
        evaluation.accumulate()
    values = evaluation.eval["precision"][..., -1]
    chosen = [values[:, :, :, 0], values[0, :, :, 0], values[5, :, :, 0]]
    chosen += [values[:, :, :, area] for area in (1, 2, 3)]
    means = [float(c[c > -1].mean() * 100) if (c > -1).any() else math.nan for c in chosen]
    return dict(zip(NAMES, means))


@given(st.integers(0, 10**6), st.sampled_from([2, 100]))
def test_every_figure_is_that_of_pycocotools(seed, max_dets):
    dicts, predictions = make_case(seed)
    if not any(map(len, predictions.values())):
        return
    ours = average_precision(dicts, predictions, max_dets)
    for kind in ("bbox", "segm"):
        expected = by_pycocotools(dicts, predictions, kind, max_dets)
        found = {name: ours[kind][name] for name in NAMES}
        assert found == pytest.approx(expected, abs=1e-9, nan_ok=True)


@pytest.mark.detectron2
@pytest.mark.parametrize("seed", range(4))
def test_mask_ap_is_that_of_detectron2(seed, tmp_path):
    import torch
    from detectron2.data import DatasetCatalog, MetadataCatalog
    from detectron2.evaluation import COCOEvaluator
    from detectron2.structures import Boxes, Instances

    from scratch_d2.structures.masks import decode_rle

    dicts, predictions = make_case(seed, images=12)
    name = f"tests_ap_{seed}"
    for item in dicts:
        for number, annotation in enumerate(item["annotations"]):
            annotation.update(category_id=0, bbox_mode=0, id=number + 1)
    if name not in DatasetCatalog:
        DatasetCatalog.register(name, lambda: dicts)
        MetadataCatalog.get(name).set(thing_classes=["scratch"])
    evaluator = COCOEvaluator(name, ("segm",), output_dir=str(tmp_path), use_fast_impl=False)
    evaluator.reset()
    for item in dicts:
        found = predictions[item["image_id"]]
        masks = np.array([decode_rle(m) for m in found.masks]).reshape(-1, SIDE, SIDE)
        instances = Instances((SIDE, SIDE))
        instances.pred_boxes = Boxes(torch.from_numpy(found.boxes))
        instances.scores = torch.from_numpy(found.scores)
        instances.pred_classes = torch.zeros(len(found), dtype=torch.int64)
        instances.pred_masks = torch.from_numpy(masks)
        evaluator.process([item], [{"instances": instances}])
    expected = evaluator.evaluate()["segm"]
    ours = average_precision(dicts, predictions)["segm"]
    assert {n: ours[n] for n in NAMES} == pytest.approx(
        {n: expected[n] for n in NAMES}, abs=1e-6, nan_ok=True
    )


def test_replicates_are_what_repeating_the_images_gives():
    """A replicate that draws images 2, 0 and 1 times has the AP of a set made so."""
    dicts, predictions = make_case(7, images=3)
    for image_id, found in predictions.items():  # no ties, so that twins rank side by side
        found.scores[:] -= np.linspace(0, 0.01, len(found)) + image_id / 1000
    drawn = Resampling(np.arange(3), np.array([[1.0, 1, 1], [2, 0, 1]]))
    matches = match_dataset(dicts, map(true_masks, dicts), predictions, 100, "segm")["AP"]
    as_it_is, replicate = precision_by_level(matches, drawn).mean(axis=0)
    twins = (0, 0, 2)
    repeated = [{**dicts[i], "image_id": n} for n, i in enumerate(twins)]
    again = {n: predictions[i] for n, i in enumerate(twins)}
    assert replicate == pytest.approx(average_precision(repeated, again)["segm"]["AP"])
    assert as_it_is == pytest.approx(average_precision(dicts, predictions)["segm"]["AP"])
    assert as_it_is != pytest.approx(replicate)


def test_intervals_hold_the_figure_and_narrow_with_more_images():
    widths = []
    for images in (20, 200):
        dicts, predictions = make_case(3, images)
        ap = average_precision(dicts, predictions, 100, resample(range(images)))["segm"]
        assert ap["AP_low"] <= ap["AP"] <= ap["AP_high"]
        widths.append(ap["AP_high"] - ap["AP_low"])
    assert widths[1] < widths[0] / 2


def test_an_image_may_hold_more_than_255_scratches():
    boxes = [(x, y, x + 6, y + 4) for x in range(0, 120, 7) for y in range(0, 120, 6)]
    masks = [encode_rle(rectangles(SIDE, SIDE, box)) for box in boxes]
    item = {"image_id": 0, "file_name": "a", "height": SIDE, "width": SIDE}
    item["annotations"] = [
        {"bbox": list(map(float, box)), "segmentation": mask} for box, mask in zip(boxes, masks)
    ]
    scores = np.full(len(boxes), 0.9, np.float32)
    found = Prediction(SIDE, SIDE, np.array(boxes, np.float32), scores, masks)
    ap = average_precision([item], {0: found}, max_dets=len(boxes))
    assert len(boxes) == 360 and ap["bbox"]["AP"] == ap["segm"]["AP"] == pytest.approx(100)
    half = average_precision([item], {0: found}, max_dets=180)
    assert half["segm"]["AP50"] == pytest.approx(100 * 51 / 101)  # recalls 0, 0.01 ... 0.5


@pytest.mark.parametrize(
    ("box", "name"), [((0, 0, 60, 4), "thin"), ((0, 0, 60, 12), "mid"), ((0, 0, 60, 20), "wide")]
)
def test_ap_by_width_counts_scratches_of_that_width_only(box, name):
    other = (0, 70, 5, 75)
    dicts = [{"image_id": 0, "file_name": "a", "height": SIDE, "width": SIDE}]
    mask = encode_rle(rectangles(SIDE, SIDE, box))
    dicts[0]["annotations"] = [{"bbox": list(map(float, box)), "segmentation": mask}]
    masks = [mask, encode_rle(rectangles(SIDE, SIDE, other))]
    corners = np.array([box, other], np.float32)
    scores = np.array([0.8, 0.7], np.float32)
    ap = average_precision(dicts, {0: Prediction(SIDE, SIDE, corners, scores, masks)})["segm"]
    assert ap[f"AP_{name}"] == pytest.approx(100)
    assert all(math.isnan(ap[f"AP_{n}"]) for n in {"thin", "mid", "wide"} - {name})


def test_width_is_that_of_the_streak_at_any_angle():
    areas, boxes = np.array([300.0, 300.0]), np.array([[0, 0, 100, 3], [0, 0, 71, 71]])
    assert mean_width(areas, boxes) == pytest.approx([3, 3], abs=0.02)
