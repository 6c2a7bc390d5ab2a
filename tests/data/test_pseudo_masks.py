import json

import numpy as np
import pytest

from scratch_d2.data.boxes_file import write_boxes
from scratch_d2.data.catalog import find_dataset_dicts
from scratch_d2.data.pseudo_masks import (
    detector_training_dicts,
    with_pseudo_mask,
    write_pseudo_masks,
)
from scratch_d2.structures.dataset_dict import has_unknown_scratches, mask_of
from tests.builders import rectangles, write_dataset


@pytest.fixture
def unmarked(tmp_path):
    """Dataset dicts of three Good and three Bad images, of which one has a mask."""
    labels = write_dataset(tmp_path / "labels", good=3, bad=3)
    for file in sorted((labels / "masks").iterdir())[1:]:
        file.unlink()
    return find_dataset_dicts(str(labels))


def test_pseudo_masks_come_back_bit_by_bit_and_only_where_there_is_no_mask(unmarked, tmp_path):
    first = next(item for item in unmarked if has_unknown_scratches(item))
    mask = rectangles(first["height"], first["width"], (3, 4, 9, 8), (20, 5, 30, 6))
    file = write_pseudo_masks([with_pseudo_mask(first, mask)], tmp_path / "pseudo_masks.json")
    content = json.loads(file.read_text())
    assert [annotation["pseudo"] for annotation in content["annotations"]] == [True, True]

    assert len(detector_training_dicts(unmarked, "")) == 4
    usable = detector_training_dicts(unmarked, str(file))
    assert len(usable) == 5
    (found,) = [item for item in usable if item["file_name"] == first["file_name"]]
    assert np.array_equal(mask_of(found), mask)
    assert [annotation["bbox"] for annotation in found["annotations"]] == [
        [3.0, 4.0, 9.0, 8.0],
        [20.0, 5.0, 30.0, 6.0],
    ]
    # The dataset itself is what it was: an evaluation never sees a pseudo-mask.
    assert has_unknown_scratches(first)
    real = [item for item in usable if item["verdict"] == "bad" and item is not found]
    assert not any(a.get("pseudo") for item in real for a in item["annotations"])


@pytest.mark.parametrize(("boxes", "used"), [([(0, 0, 12, 12)], True), ([(60, 40, 70, 50)], False)])
def test_a_pseudo_mask_counts_in_the_boxes_of_an_image(tmp_path, boxes, used):
    labels = write_dataset(tmp_path / "labels", good=1, bad=1)
    (labels / "masks/bad0.png").unlink()
    write_boxes({"bad/bad0.png": [*boxes, (18, 4, 40, 8)]}, labels)
    bad = next(d for d in find_dataset_dicts(str(labels)) if d["verdict"] == "bad")
    mask = rectangles(64, 96, (3, 4, 9, 8), (20, 5, 30, 6), (80, 50, 90, 60))
    file = write_pseudo_masks([with_pseudo_mask(bad, mask)], tmp_path / "pseudo_masks.json")
    usable = detector_training_dicts([bad], str(file))
    assert len(usable) == used
    inside = rectangles(64, 96, (3, 4, 9, 8), (20, 5, 30, 6))
    assert all(np.array_equal(mask_of(item), inside) for item in usable)


def test_a_pseudo_mask_of_another_size_is_not_used(unmarked, tmp_path):
    first = next(item for item in unmarked if has_unknown_scratches(item))
    smaller = {**first, "height": 10, "width": 12}
    mask = rectangles(10, 12, (1, 1, 5, 5))
    file = write_pseudo_masks([with_pseudo_mask(smaller, mask)], tmp_path / "pseudo_masks.json")
    assert len(detector_training_dicts(unmarked, str(file))) == 4


def test_files_that_hold_no_pseudo_masks_are_refused(unmarked, tmp_path):
    with pytest.raises(FileNotFoundError, match="PSEUDO_MASKS.*there is no such file"):
        detector_training_dicts(unmarked, str(tmp_path / "none.json"))
    other = tmp_path / "other.json"
    other.write_text('{"images": 3}')
    with pytest.raises(ValueError, match="other.json.*accepted is the pseudo_masks.json"):
        detector_training_dicts(unmarked, str(other))
