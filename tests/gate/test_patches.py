"""Patches: their logits, their loss, and the image that they make."""

import numpy as np
import pytest
import torch

from scratch_d2.gate.network import GateNetwork, max_pool_logits, patch_logits, patch_loss
from tests.gate.gates import make_gate


def test_patch_loss_compares_patches_with_masks_and_skips_what_is_unknown() -> None:
    masks = torch.zeros(3, 1, 16, 16, dtype=torch.uint8)
    masks[0, 0, 1:3, 4] = 255
    masks[1, 0, 12, 12] = 20  # the trace of a mask that shrinking has left
    labels = torch.tensor([1.0, 0.0, 1.0])
    right = torch.full((3, 2, 2), -20.0)
    right[0, 0, 0] = 20.0
    assert patch_loss([right], masks, labels).item() < 1e-6
    unsure = right.clone()
    unsure[0, 0, 0] = 0.0
    # A scratched patch weighs 2; mean over four patches, two known images and two maps.
    expected = 2 * np.log(2) / 4 / 2 / 2
    assert patch_loss([right, unsure], masks, labels).item() == pytest.approx(expected)
    right[2] = 20.0
    assert patch_loss([right], masks, labels).item() < 1e-6
    right[1, 1, 1] = 20.0
    assert patch_loss([right], masks, labels).item() == pytest.approx(20 / 4 / 2)
    assert patch_loss([right[2:]], masks[2:], labels[2:]).item() == 0


def test_patches_are_judged_as_whole_images_would_be() -> None:
    torch.manual_seed(0)
    trunk = GateNetwork("resnet10t").trunk.eval()
    images = torch.randn(3, 3, 32, 32)
    with torch.inference_mode():
        patches = patch_logits(trunk, trunk.forward_features(images))
        torch.testing.assert_close(patches[:, 0, 0], trunk(images)[:, 0])
        features = trunk.forward_features(torch.randn(2, 3, 96, 64))
        maps = patch_logits(trunk, features)
        assert maps.shape == (2, 3, 2)
        # The mean of the patches is what averaging the features would have given.
        torch.testing.assert_close(maps.mean(dim=(1, 2)), trunk.forward_head(features)[:, 0])


def test_an_image_is_as_bad_as_its_worst_patches() -> None:
    coarse = torch.tensor([[[1.0, -2.0]], [[-3.0, -4.0]]])
    fine = torch.tensor([[[0.0, 5.0], [1.0, 2.0]], [[-9.0, -8.0], [-7.0, -8.0]]])
    assert max_pool_logits([coarse, fine]).tolist() == [3.0, -5.0]
    network = GateNetwork("resnet10t").eval()
    with torch.inference_mode():
        shapes = [tuple(logits.shape) for logits in network(torch.zeros(2, 3, 64, 96))]
    assert shapes == [(2, 2, 3), (2, 8, 12), (2, 4, 6)]


@pytest.mark.parametrize("shape", [(40, 100), (100, 40), (64, 64)])
def test_the_map_of_patches_lies_on_the_photograph(shape) -> None:
    """Each logit is the mean brightness of its patch, so the map is the picture, blurred."""
    gate = make_gate()

    def brightness(inputs):
        grey = inputs.mean(dim=1, keepdim=True)
        return [torch.nn.functional.avg_pool2d(grey, s)[:, 0] * 50 for s in (32, 8, 16)]

    gate.model = brightness
    image = np.zeros((*shape, 3), np.uint8)
    image[: shape[0] // 2, : shape[1] // 2] = 255
    places = gate.patch_map(image)
    assert places.shape == shape and places.dtype == np.float32
    assert places[shape[0] // 8, shape[1] // 8] > 0.99
    assert places[-shape[0] // 8, -shape[1] // 8] < 0.01
