import numpy as np

from scratch_d2.data.catalog import find_dataset_dicts
from scratch_d2.inspection.pseudo_masks import find_pseudo_masks
from scratch_d2.structures.dataset_dict import has_unknown_scratches, mask_of
from tests.builders import predict_boxes, rectangles, write_dataset

AGREED, UNSURE, DISPUTED = (2, 2, 12, 8), (20, 2, 30, 8), (2, 20, 12, 26)


class GateOfPlaces:
    """Calls the upper rows of every image Bad."""

    def patch_map(self, image):
        return np.where(np.arange(image.shape[0])[:, None] < 10, 0.9, 0.1) + 0 * image[..., 0]


def detect(images):
    """Three scratches in every image, with scores of 0.6, 0.4 and 0.9."""
    found = {AGREED: 0.6, UNSURE: 0.4, DISPUTED: 0.9}
    return [predict_boxes(*image.shape[:2], found) for image in images]


def test_a_detection_that_the_gate_confirms_becomes_a_pseudo_mask(tmp_path):
    labels = write_dataset(tmp_path / "labels", good=2, bad=2)
    sorted((labels / "masks").iterdir())[0].unlink()
    dicts = find_dataset_dicts(str(labels))
    (unknown,) = [item for item in dicts if has_unknown_scratches(item)]

    (marked,) = find_pseudo_masks(GateOfPlaces(), detect, dicts)
    assert marked["file_name"] == unknown["file_name"]
    expected = rectangles(unknown["height"], unknown["width"], AGREED)
    assert np.array_equal(mask_of(marked), expected)
    assert all(annotation["pseudo"] for annotation in marked["annotations"])


def test_where_the_two_models_agree_on_nothing_the_photograph_is_left_out(tmp_path):
    labels = write_dataset(tmp_path / "labels", good=1, bad=1)
    (labels / "masks").rename(tmp_path / "masks")

    class SureOfGood(GateOfPlaces):
        def patch_map(self, image):
            return np.zeros(image.shape[:2], np.float32)

    assert find_pseudo_masks(SureOfGood(), detect, find_dataset_dicts(str(labels))) == []
