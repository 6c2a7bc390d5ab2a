"""Typed builders of what the tests look at: masks, predictions, folders of labels."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from scratch_d2.structures.masks import encode_rle
from scratch_d2.structures.prediction import Prediction

Box = tuple[int, int, int, int]


def rectangles(height: int, width: int, *boxes: Box) -> np.ndarray:
    """An HxW bool mask with filled boxes (x0, y0, x1, y1)."""
    mask = np.zeros((height, width), bool)
    for x0, y0, x1, y1 in boxes:
        mask[y0:y1, x0:x1] = True
    return mask


def predict_boxes(height: int, width: int, found: dict[Box, float]) -> Prediction:
    """A prediction whose masks fill the boxes, from {box: score}."""
    ordered = sorted(found.items(), key=lambda item: -item[1])
    return Prediction(
        height,
        width,
        np.array([box for box, _ in ordered], np.float32).reshape(-1, 4),
        np.array([score for _, score in ordered], np.float32),
        [encode_rle(rectangles(height, width, box)) for box, _ in ordered],
    )


def predict_truth(dicts: list[dict], score: float = 0.9) -> dict[Any, Prediction]:
    """Predictions by image_id that mark exactly what the annotations of dataset dicts mark."""
    return {
        item["image_id"]: predict_boxes(
            item["height"],
            item["width"],
            {tuple(map(int, a["bbox"])): score for a in item["annotations"] if not a["iscrowd"]},
        )
        for item in dicts
    }


def save(array: np.ndarray, path: Path, **options: object) -> Path:
    """Save an HxW or HxWx3 uint8 array as an image, making the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)
    return path


def draw_label(rng: np.random.Generator, height: int = 64, width: int = 96) -> np.ndarray:
    """A white HxWx3 uint8 label with dark bars for print."""
    image = np.full((height, width, 3), 235, np.uint8)
    for left in range(8, width - 16, 22):
        image[14 : height - 14, left : left + 12] = 40
    return (image.astype(int) + rng.integers(-5, 6, image.shape)).clip(0, 255).astype(np.uint8)


def write_dataset(root: Path, good: int = 4, bad: int = 3, seed: int = 0) -> Path:
    """Write good/, bad/ and masks/ of small labels, one scratch on each Bad one."""
    rng = np.random.default_rng(seed)
    for index in range(good):
        save(draw_label(rng), root / "good" / f"good{index}.png")
    for index in range(bad):
        image = draw_label(rng)
        x0, y0 = int(rng.integers(6, 50)), int(rng.integers(16, 34))
        mask = rectangles(*image.shape[:2], (x0, y0, x0 + 30, y0 + 8))
        image[mask] = 250
        save(image, root / "bad" / f"bad{index}.png")
        save(mask.astype(np.uint8) * 255, root / "masks" / f"bad{index}.png")
    return root
