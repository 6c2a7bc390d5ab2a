"""A table with one row per evaluated image: its truth, what the models gave, how it is judged."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from scratch_d2.structures.areas import measure_area
from scratch_d2.structures.dataset_dict import verdict_of
from scratch_d2.structures.labels import BAD, GOOD
from scratch_d2.structures.prediction import Prediction
from scratch_d2.structures.scaling import scale_area
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.structures.verdict import (
    area_label,
    decide,
    decision_scores,
    gate_label,
)
from scratch_d2.utils.files import write_atomically

IMAGES_FILE = "images.jsonl"
JUDGES = ("area", "gate", "both")
# By judge: y_pred [N] bool, True for Bad, and y_score [N] float.
Judged = Mapping[str, tuple[np.ndarray, np.ndarray]]
# Families and kinds with fewer images than this are reported together.
MIN_SLICE_IMAGES = 10
OTHER_FAMILIES = "others"


@dataclass(frozen=True, eq=False)
class ImageTable:
    """The columns of images.jsonl for N images, in the order of the dataset.

    Attributes:
        image_id: [N], as in the dataset dicts.
        file: [N], paths as in the dataset dicts.
        group: [N], source groups; images of one group show the same label.
        y_true: [N] bool, whether the image is Bad.
        area: [N] float64, scratch area in the unit of the thresholds; the gate does not change it.
        p_bad: [N] float64 in 0..1, the gate's scores; None without a gate.

    Raises ValueError if the columns differ in length or a number is not finite.
    """

    image_id: list[Any]
    file: list[str]
    group: list[str]
    y_true: np.ndarray
    area: np.ndarray
    p_bad: np.ndarray | None = None

    def __post_init__(self) -> None:
        for column in fields(self):
            values = getattr(self, column.name)
            if values is not None and len(values) != len(self.file):
                raise ValueError(
                    f"{column.name} holds {len(values)} values for {len(self.file)} images"
                )
        for name in ("area", "p_bad"):
            values = getattr(self, name)
            odd = np.flatnonzero(~np.isfinite([] if values is None else values))
            if len(odd):
                raise ValueError(
                    f"{self.file[odd[0]]}: {name} is {values[odd[0]]}; a finite number is expected"
                )

    def __len__(self) -> int:
        return len(self.file)

    def select(self, chosen: np.ndarray) -> "ImageTable":
        """Return the rows of an [N] bool mask or of indices, in their order."""
        rows = np.arange(len(self))[chosen]
        texts = {n: [getattr(self, n)[i] for i in rows] for n in ("image_id", "file", "group")}
        p_bad = None if self.p_bad is None else self.p_bad[rows]
        return ImageTable(**texts, y_true=self.y_true[rows], area=self.area[rows], p_bad=p_bad)

    def save(self, folder: str | Path, thresholds: Thresholds) -> Path:
        """Write images.jsonl: these columns, and the label of each image by the thresholds."""
        p_bads = [None] * len(self) if self.p_bad is None else self.p_bad.tolist()
        rows = zip(
            self.image_id, self.file, self.group, self.y_true.tolist(), self.area.tolist(), p_bads
        )
        lines = []
        for image_id, file, group, is_bad, area, p_bad in rows:
            row = {"image_id": image_id, "file": file, "group": group, "y_true": is_bad}
            row |= {"area": area}
            label = decide(area, p_bad, thresholds)
            lines.append(json.dumps({**row, "p_bad": p_bad, "label": label}) + "\n")
        return write_atomically("".join(lines), Path(folder) / IMAGES_FILE)

    @classmethod
    def load(cls, folder: str | Path) -> "ImageTable":
        """Read images.jsonl, also as earlier versions wrote it, with "bad" for "y_true".

        Raises FileNotFoundError or ValueError naming the file.
        """
        path = Path(folder) / IMAGES_FILE
        if not path.is_file():
            raise FileNotFoundError(f"{str(path)!r}: no such file; an evaluation writes it")
        try:
            rows = [_read_row(line) for line in path.read_text("utf-8").splitlines()]
            names = [field.name for field in fields(cls)]
            columns: dict[str, Any] = {name: [row[name] for row in rows] for name in names}
            for number, row in enumerate(rows, 1):
                if not _is_row(row):
                    raise ValueError(f"line {number} is {row}")
            gated = any(p is not None for p in columns["p_bad"])
            columns["y_true"] = np.array(columns["y_true"], bool)
            columns["area"] = np.array(columns["area"], float)
            columns["p_bad"] = np.array(columns["p_bad"], float) if gated else None
            return cls(**columns)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path}: not the images of an evaluation ({error})") from None


def _read_row(line: str) -> dict[str, Any]:
    row = json.loads(line)
    if "bad" in row:  # the key of earlier versions
        row.setdefault("y_true", row["bad"])
    return row


def _is_row(row: Mapping[str, Any]) -> bool:
    area, p_bad = row["area"], row["p_bad"]
    numbers = all(type(value) in (int, float) for value in (area, 0 if p_bad is None else p_bad))
    texts = isinstance(row["file"], str) and isinstance(row["group"], str)
    truth = isinstance(row["y_true"], bool)
    return texts and truth and numbers and area >= 0 and 0 <= (p_bad or 0) <= 1


def make_image_table(
    dicts: Sequence[Mapping[str, Any]],
    predictions: Mapping[Any, Prediction],
    p_bad: Sequence[float] | None,
    thresholds: Thresholds,
) -> ImageTable:
    """Put dataset dicts, predictions by image_id and the gate's scores into one table."""
    return ImageTable(
        image_id=[item["image_id"] for item in dicts],
        file=[item["file_name"] for item in dicts],
        group=[item.get("group", item["file_name"]) for item in dicts],
        y_true=np.array([verdict_of(item) == BAD for item in dicts], bool),
        area=np.array([measure_area(predictions[d["image_id"]], thresholds) for d in dicts], float),
        p_bad=None if p_bad is None else np.asarray(p_bad, float),
    )


def judge_images(images: ImageTable, thresholds: Thresholds) -> Judged:
    """Judge N images by the area rule, by the gate and by both.

    Returns `{judge: (y_pred [N] bool, y_score [N] float)}` with the judges of `JUDGES`, or only
    "area" without gate scores. "review" counts as Bad, because a person has to look. The score of
    "area" is the area, scaled if the thresholds say so, and that of "both" is `decision_scores`.
    """
    p_bads = [None] * len(images) if images.p_bad is None else images.p_bad
    labels = [area_label(area, p, thresholds) for area, p in zip(images.area, p_bads)]
    by_area = np.array([label != GOOD for label in labels], bool)
    judged = {"area": (by_area, scale_area(images.area, images.p_bad, thresholds))}
    if images.p_bad is not None:
        passed = np.array([gate_label(p, thresholds) == GOOD for p in images.p_bad], bool)
        judged["gate"] = (~passed, images.p_bad)
        score = decision_scores(images.area, images.p_bad, thresholds)
        judged["both"] = (score >= 1, score)
    return judged


def families(files: Sequence[str]) -> list[str]:
    """Return the source family of each file: its name without suffix, each number as a "#".

    The family of `03_08_2024_16_54_38.244099_classifier_input.png` is `#_classifier_input`, that
    of `Code00973.png` is `Code#`. Families with fewer than `MIN_SLICE_IMAGES` images become
    `OTHER_FAMILIES`.
    """
    names = [re.sub(r"\d+([_.:-]\d+)*", "#", Path(file).stem) for file in files]
    counts = Counter(names)
    return [name if counts[name] >= MIN_SLICE_IMAGES else OTHER_FAMILIES for name in names]
