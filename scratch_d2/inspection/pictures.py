"""Overlays and masks as files: which are saved, and their names."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scratch_d2.inspection.inputs import RESULT_FOLDERS, InputFile
from scratch_d2.inspection.inspector import Inspection
from scratch_d2.inspection.overlay import draw_overlay
from scratch_d2.inspection.rows import writing
from scratch_d2.structures.areas import scratch_mask
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.utils.png import encode_png
from scratch_d2.utils.remote import AnyPath

FOLDERS = RESULT_FOLDERS
# Takes the place of a picture in the results, such as "overlays/000001_label.png", and its bytes.
WritePicture = Callable[[str, bytes], None]
PICTURE = re.compile(r"\d{6,}_[A-Za-z0-9._-]*\.png")
WORDS = (*FOLDERS, "none", "all", "bad")


@dataclass(frozen=True)
class Pictures:
    """Which pictures are saved.

    Attributes:
        kinds: some of "overlays" and "masks".
        of_good: also of Good images, not only of Bad ones and those for review.
    """

    kinds: tuple[str, ...] = FOLDERS
    of_good: bool = False

    @classmethod
    def parse(cls, text: str) -> "Pictures":
        """Parse words joined by commas, such as "masks,all".

        "overlays" and "masks" choose the kinds, both by default; "none" saves nothing; "all" saves
        pictures of all images, "bad" (the default) of Bad ones and those for review.

        Raises ValueError naming a word that is not accepted, or words that contradict each other.
        """
        words = [word.strip() for word in text.split(",")]
        for word in words:
            if word not in WORDS:
                raise ValueError(f"{word!r} is not accepted; accepted are {', '.join(WORDS)}")
        if ("none" in words and len(set(words)) > 1) or {"all", "bad"} <= set(words):
            raise ValueError(f"{text!r} contradicts itself")
        kinds = tuple(kind for kind in FOLDERS if kind in words) or FOLDERS
        return cls(() if "none" in words else kinds, "all" in words)

    def __str__(self) -> str:
        return ",".join((*self.kinds, "all" if self.of_good else "bad")) if self.kinds else "none"

    def save(
        self,
        write: WritePicture,
        image_id: int,
        input_file: InputFile,
        image: np.ndarray,
        inspection: Inspection,
        thresholds: Thresholds,
    ) -> dict[str, str]:
        """Write the pictures of an image, HxWx3 uint8 RGB.

        Returns {"overlay": path, "mask": path} of the written ones, their places in the results.
        """
        if inspection.verdict.label == "good" and not self.of_good:
            return {}
        name, written = picture_name(image_id, input_file.path), {}
        if "overlays" in self.kinds:
            overlay = draw_overlay(image, inspection.prediction, inspection.verdict, thresholds)
            written["overlay"] = f"overlays/{name}"
            write(written["overlay"], encode_png(overlay))
        if "masks" in self.kinds:
            mask = scratch_mask(inspection.prediction, thresholds)
            written["mask"] = f"masks/{name}"
            write(written["mask"], encode_png(mask.astype(np.uint8) * 255))
        return written


def picture_name(image_id: int, file: AnyPath) -> str:
    """Return the name of overlay and mask: unique by the id, valid on every file system."""
    return f"{image_id:06d}_{re.sub(r'[^A-Za-z0-9._-]+', '_', file.stem)[:100]}.png"


def remove_pictures(folder: Path) -> None:
    """Remove what `Pictures.save` wrote into a results folder, and nothing else."""
    for path in (path for name in FOLDERS for path in (folder / name).glob("*.png")):
        if PICTURE.fullmatch(path.name):
            path.unlink()


def into(folder: Path) -> WritePicture:
    """Return what writes pictures into a results folder."""
    return lambda name, content: write_picture(content, folder / name)


def write_picture(content: bytes, path: Path) -> None:
    """Write an encoded picture, and wait until it is on the disk."""
    with writing(path), open(path, "wb") as file:
        file.write(content)
        # After a power failure there must be no row without its pictures.
        file.flush()
        os.fsync(file.fileno())
