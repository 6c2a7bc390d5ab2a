"""The area rule: a pure function from gate score, prediction and thresholds to a verdict."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from fvcore.common.config import CfgNode

from scratch_d2.config import flatten
from scratch_d2.data.masks import AREA_METHODS, scratch_area, union_of_rles
from scratch_d2.engines.base import Prediction

AREA_UNITS = ("pixel", "fraction")
FILE_NAME = "thresholds.json"
# Which config key stands behind each threshold.
CONFIG_KEYS = {
    "SCRATCH.SCORE_THRESHOLD": "score",
    "SCRATCH.AREA_THRESHOLD": "area",
    "SCRATCH.AREA_METHOD": "area_method",
    "SCRATCH.AREA_UNIT": "area_unit",
    "SCRATCH.REVIEW_BAND": "review_band",
    "GATE.SKIP_BELOW": "gate_skip",
}


@dataclass(frozen=True)
class Thresholds:
    """All that turns scores into a verdict; every comparison is `>=`.

    Attributes:
        score: an instance counts from this score on, 0..1.
        area: an image is Bad from this scratch area on, in `area_unit`.
        area_method: "contour" or "pixel", see `scratch_d2.data.masks.scratch_area`.
        area_unit: "pixel" of the original image, or "fraction" of it.
        review_band: areas in [low, high) are for review; None judges every image.
        gate_skip: an image goes to the detector from this p(Bad) on, 0..1.
    """

    score: float = 0.5
    area: float = 500.0
    area_method: str = "contour"
    area_unit: str = "pixel"
    review_band: tuple[float, float] | None = None
    gate_skip: float = 0.05

    def __post_init__(self) -> None:
        if self.area_method not in AREA_METHODS or self.area_unit not in AREA_UNITS:
            raise ValueError(
                f"area is measured as {self.area_method!r} in {self.area_unit!r}; accepted are "
                f"{', '.join(AREA_METHODS)} in {', '.join(AREA_UNITS)}"
            )
        if not (0 <= self.score <= 1 and 0 <= self.gate_skip <= 1 and self.area >= 0):
            raise ValueError(f"score and gate_skip lie in 0..1 and area in 0.., but got {self}")

    @classmethod
    def from_config(cls, cfg: CfgNode) -> "Thresholds":
        """Return the thresholds that a config states."""
        known = flatten(cfg)
        values = {name: known[key] for key, name in CONFIG_KEYS.items()}
        return cls(**{**values, "review_band": tuple(values["review_band"]) or None})

    @classmethod
    def load(cls, file: str | Path) -> "Thresholds":
        """Read thresholds.json; raises ValueError naming the file where it holds anything else."""
        try:
            values = json.loads(Path(file).read_text("utf-8"))
            if not isinstance(values, dict):
                raise ValueError(f"a dict is expected, not {values!r}")
            unknown = set(values) - {field.name for field in fields(cls)}
            if unknown:
                raise ValueError(f"unknown keys {sorted(unknown)}")
            band = values.get("review_band")
            return cls(**{**values, "review_band": tuple(band) if band else None})
        except (ValueError, TypeError) as error:
            raise ValueError(f"{file}: not a file of thresholds ({error})") from None

    def save(self, folder: str | Path) -> None:
        """Write thresholds.json into a folder, beside the checkpoints they belong to."""
        text = json.dumps(asdict(self), indent=2) + "\n"
        (Path(folder) / FILE_NAME).write_text(text, encoding="utf-8")


def adopt_saved_thresholds(cfg: CfgNode, weights: str | Path, opts: Sequence[str] = ()) -> None:
    """Put the thresholds beside a checkpoint into a config, in place; without any, do nothing.

    A thresholds.json in the folder of the checkpoint goes before the config file, and the keys
    in `opts` (KEY VALUE pairs of the command line, already merged) go before both.
    """
    file = Path(weights).parent / FILE_NAME
    if not file.is_file():
        return
    saved = asdict(Thresholds.load(file))
    saved["review_band"] = list(saved["review_band"] or [])
    for key, name in CONFIG_KEYS.items():
        if key not in opts[::2]:
            block, leaf = key.split(".")
            cfg[block][leaf] = saved[name]


@dataclass(frozen=True)
class Verdict:
    """What is to be done with one image, and why.

    Attributes:
        label: "good", "bad" or "review".
        area: scratch area in the unit of the thresholds; 0 where the gate let the image pass.
        p_bad: score of the gate in 0..1, or None without a gate.
        reason: one sentence.
    """

    label: str
    area: float
    p_bad: float | None
    reason: str


def passes_gate(p_bad: float | None, thresholds: Thresholds) -> bool:
    """Whether the gate is sure enough that an image is Good; never without a gate."""
    if p_bad is None:
        return False
    if not math.isfinite(p_bad):
        raise ValueError(f"the gate's score must be a number in 0..1, but got {p_bad}")
    return not p_bad >= thresholds.gate_skip


def counts(prediction: Prediction, thresholds: Thresholds) -> np.ndarray:
    """Return [N] bool: which instances count, those with a score at or above the threshold."""
    return prediction.scores >= np.float32(thresholds.score)


def scratch_mask(prediction: Prediction, thresholds: Thresholds) -> np.ndarray:
    """Return the union of the masks of all instances that count, as HxW bool."""
    counted = np.flatnonzero(counts(prediction, thresholds))
    masks = [prediction.masks[index] for index in counted]
    return union_of_rles(masks, prediction.height, prediction.width)


def measure_area(prediction: Prediction, thresholds: Thresholds) -> float:
    """Measure the scratch area of a prediction in the unit of the thresholds."""
    area = scratch_area(scratch_mask(prediction, thresholds), thresholds.area_method)
    if thresholds.area_unit == "fraction":
        area /= prediction.height * prediction.width
    return area


def label_of(area: float, thresholds: Thresholds) -> str:
    """Return "good", "bad" or "review" for a scratch area in the unit of the thresholds."""
    low, high = thresholds.review_band or (math.inf, math.inf)
    if low <= area < high:
        return "review"
    return "bad" if area >= thresholds.area else "good"


def judge(prediction: Prediction | None, p_bad: float | None, thresholds: Thresholds) -> Verdict:
    """Judge one image.

    Args:
        prediction: what the detector found; None only where the gate let the image pass.
        p_bad: score of the gate in 0..1, or None without a gate.
    """
    if passes_gate(p_bad, thresholds):
        reason = f"the gate's p(Bad) of {p_bad:.3f} is below {thresholds.gate_skip:g}"
        return Verdict("good", 0.0, p_bad, reason)
    if prediction is None:
        raise ValueError("an image that the gate does not let pass needs a prediction, got None")
    area = measure_area(prediction, thresholds)
    count = int(counts(prediction, thresholds).sum())
    if count == 0:
        found = f"no scratch with a score of {thresholds.score:g} or more"
    else:
        found = f"{count} scratch{'es' if count > 1 else ''} of {_say(area, thresholds)} in all"
    label = label_of(area, thresholds)
    if label == "review":
        low, high = thresholds.review_band
        reason = f"{found}, within {low:g} to {_say(high, thresholds)}, for review"
        return Verdict("review", area, p_bad, reason)
    if label == "bad":
        reason = f"{found}, at or above the limit of {_say(thresholds.area, thresholds)}"
        return Verdict("bad", area, p_bad, reason)
    if count:
        found += f", below the limit of {_say(thresholds.area, thresholds)}"
    return Verdict("good", area, p_bad, found)


def _say(area: float, thresholds: Thresholds) -> str:
    return f"{area:.2%} of the image" if thresholds.area_unit == "fraction" else f"{area:g} px"
