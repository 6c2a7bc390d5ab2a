"""Letterboxed images, labels and masks for training, with reproducible augmentation."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2

from scratch_d2.data.catalog import get_dataset_dicts
from scratch_d2.data.images import read_image
from scratch_d2.gate.preprocess import Preprocessing
from scratch_d2.structures.dataset_dict import has_unknown_scratches, mask_of
from scratch_d2.utils.opencv import cv2

CACHE_BYTES = 2**30
LABELS = {"good": 0.0, "bad": 1.0}
Key = tuple[int, int]


class Examples(Dataset):
    """Letterboxed images, labels (1.0 is Bad) and masks, looked up by (epoch, index).

    An image is [3, H, W] uint8 RGB, a mask [1, H, W] uint8, 255 on scratches; without `with_masks`
    all masks are empty. Sets that fit into `CACHE_BYTES` are decoded once and kept.
    `white_level` is SCRATCH.WHITE_LEVEL. The augmentation of an example depends only on seed, epoch
    and index, not on workers or on earlier draws, so a resumed run sees the same images as an
    uninterrupted one.
    """

    def __init__(
        self,
        dicts: Sequence[dict[str, Any]],
        preprocessing: Preprocessing,
        augment: Callable[..., Any] | None = None,
        seed: int = 0,
        with_masks: bool = False,
        white_level: float = 0.0,
    ) -> None:
        self.dicts = dicts
        self.labels = np.array([LABELS[each["verdict"]] for each in dicts], np.float32)
        self.heights = [preprocessing.height_of(each["height"], each["width"]) for each in dicts]
        self.preprocessing = preprocessing
        self.augment = augment
        self.seed = seed
        self.with_masks = with_masks
        self.white_level = white_level
        self._cache: list[np.ndarray] = []
        if 4 * preprocessing.image_size * sum(self.heights) <= CACHE_BYTES:
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                self._cache = list(pool.map(self._decode, range(len(dicts))))

    def __len__(self) -> int:
        return len(self.dicts)

    def __getitem__(self, key: Key) -> tuple[torch.Tensor, np.float32, torch.Tensor]:
        epoch, index = key
        decoded = self._cache[index] if self._cache else self._decode(index)
        planes = torch.from_numpy(decoded).permute(2, 0, 1)
        image, mask = tv_tensors.Image(planes[:3]), tv_tensors.Mask(planes[3:])
        if self.augment is not None:
            sequence = np.random.SeedSequence([self.seed, epoch, index])
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(int(sequence.generate_state(1)[0]))
                image, mask = self.augment(image, mask)
        return image.as_subclass(torch.Tensor), self.labels[index], mask.as_subclass(torch.Tensor)

    def _decode(self, index: int) -> np.ndarray:
        """Return letterboxed image and mask as the planes of one [H, W, 4] uint8 array."""
        item = self.dicts[index]
        image = self.preprocessing.letterbox(read_image(item["file_name"], self.white_level))
        mask = np.zeros(image.shape[:2], np.uint8)
        if self.with_masks and item.get("annotations") and not has_unknown_scratches(item):
            mask = self.preprocessing.letterbox_mask(mask_of(item))
        return np.dstack([image, mask])


def collect(names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the dataset dicts of several datasets; raises ValueError for an unknown verdict."""
    dicts = [each for name in names for each in get_dataset_dicts(name)]
    for each in dicts:
        if each.get("verdict") not in LABELS:
            raise ValueError(
                f"{each['file_name']!r} has the verdict {each.get('verdict')!r}; accepted are "
                "good and bad"
            )
    return dicts


def make_augmentation(fill: int) -> v2.Compose:
    """Return the augmentation: transforms that do not change the verdict on a label.

    It takes an image [3, H, W] and a mask [1, H, W], both uint8 tv_tensors. Labels come at any
    rotation, pale, blurred and noisy. No transform may hide damage: lines of one or two pixels
    survive scaling to 0.85 and a blur below one pixel, and nothing is cropped.
    """
    return v2.Compose(
        [
            v2.RandomHorizontalFlip(),
            v2.RandomVerticalFlip(),
            v2.RandomAffine(
                degrees=3,
                scale=(0.85, 1.0),
                interpolation=InterpolationMode.BILINEAR,
                fill={tv_tensors.Image: fill, tv_tensors.Mask: 0},
            ),
            v2.ColorJitter(brightness=0.2, contrast=0.3),
            v2.RandomApply([v2.GaussianBlur(3, sigma=(0.1, 0.8))], p=0.2),
            v2.RandomApply([v2.GaussianNoise(sigma=0.015)], p=0.3),
        ]
    )


def make_batches(heights: Sequence[int], batch_size: int, seed: int, epoch: int) -> list[list[Key]]:
    """Shuffle the indices of an epoch into batches of one height each.

    The batches of one height have nearly equal sizes of at most `batch_size`. Batches of all
    heights are mixed in random order.
    """
    generator, batches = np.random.default_rng([seed, epoch]), []
    order = generator.permutation(len(heights))
    shuffled = np.asarray(heights)[order]
    for height in np.unique(shuffled):
        group = order[shuffled == height]
        batches += np.array_split(group, -(-len(group) // batch_size))
    return [
        [(epoch, int(index)) for index in batches[number]]
        for number in generator.permutation(len(batches))
    ]


def make_loader(examples: Examples, batches: list[list[Key]], workers: int) -> DataLoader:
    """Return a loader of images [N, 3, H, W], labels [N] and masks [N, 1, H, W], in order."""
    return DataLoader(
        examples,
        batch_sampler=batches,
        num_workers=workers,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=_single_threaded,
    )


def _single_threaded(_: int) -> None:
    # OpenCV's thread pool does not survive a fork.
    cv2.setNumThreads(0)
