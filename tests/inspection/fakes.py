"""What tests of prediction share: an inspector of bright pixels, and folders for it."""

import os
import time
from pathlib import Path

import numpy as np

from scratch_d2.inspection.inspector import Inspector
from scratch_d2.inspection.pictures import Pictures
from scratch_d2.inspection.predict import Options
from scratch_d2.structures.prediction import Prediction
from scratch_d2.structures.thresholds import Thresholds
from tests.builders import predict_boxes, save

THRESHOLDS = Thresholds()
EVERYTHING = Options(batch_size=2, workers=2, pictures=Pictures(of_good=True))


def bright_detector(images: list[np.ndarray]) -> list[Prediction]:
    """Find one scratch of 600 px on images that begin with a bright pixel."""
    return [
        predict_boxes(*image.shape[:2], {(2, 2, 33, 23): 0.9, (0, 0, 5, 5): 0.1})
        if image[0, 0, 0] > 128
        else Prediction.empty(*image.shape[:2])
        for image in images
    ]


def bright_inspector() -> Inspector:
    """An inspector that calls bright images Bad."""
    return Inspector(None, bright_detector, THRESHOLDS, metadata={"weights": "a.pth"})


def slow_inspector(folder: Path, deadly: bool = False) -> Inspector:
    """A bright_inspector that leaves its process id in a folder, and may die of bright images."""

    def detect(images):
        (folder / str(os.getpid())).touch()
        if deadly and any(image[0, 0, 0] > 128 for image in images):
            os._exit(1)
        time.sleep(0.1)
        return bright_detector(images)

    return Inspector(None, detect, THRESHOLDS, metadata={"weights": "a.pth"})


def inspector_without_weights() -> Inspector:
    raise FileNotFoundError("no weights for the detector")


def photograph(bright: bool) -> np.ndarray:
    """A grey 40x50 photograph that `bright_detector` finds a scratch on, or none."""
    return np.full((40, 50, 3), 250 if bright else 20, np.uint8)


def write_files(folder: Path, count: int = 5) -> Path:
    """Photographs of which every second is Bad, and one that nobody can read."""
    for index in range(count):
        save(photograph(index % 2 == 1), folder / f"image {index}\nü.png")
    (folder / "broken.png").write_bytes(b"")
    return folder
