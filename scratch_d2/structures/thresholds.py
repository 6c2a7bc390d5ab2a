"""Thresholds: what turns scores into a verdict, their file beside a checkpoint, rules by name."""

import json
import logging
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from numbers import Real
from pathlib import Path
from typing import Any

from scratch_d2.utils.files import write_atomically
from scratch_d2.utils.strict_json import parse_json

AREA_METHODS = ("contour", "pixel", "weighted")
AREA_SCALINGS = ("none", "odds")
# By unit, the area threshold of a config that states none.
DEFAULT_AREAS = {"pixel": 500.0, "fraction": 0.01, "mm2": 1.0}
AREA_UNITS = tuple(DEFAULT_AREAS)
THRESHOLDS_FILE = "thresholds.json"
CALIBRATION = "calibration"
# Names of earlier releases, which files may still hold.
RENAMED = {"gate_skip": "gate_threshold"}
UPPER_BOUNDS = {
    "score": 1.0,
    "area": math.inf,
    "gate_threshold": 1.0,
    "gate_upper_threshold": 1.0,
    "pixels_per_mm": math.inf,
}
HASHES = ("data_sha256", "weights_sha256", "gate_sha256")
logger = logging.getLogger(__name__)


def _is_number(value: Any) -> bool:
    is_real = isinstance(value, Real) and not isinstance(value, bool)
    return is_real and abs(value) < math.inf


def _is_band(value: object) -> bool:
    if not isinstance(value, tuple) or len(value) != 2 or not all(map(_is_number, value)):
        return False
    return 0 <= value[0] <= value[1]


@dataclass(frozen=True)
class Thresholds:
    """All that turns scores into a verdict; every comparison is `>=`.

    Attributes:
        score: an instance counts from this score on, 0..1.
        area: an image is Bad from this scratch area on, in `area_unit`.
        area_scaling: "none", or "odds": area and review band are those at a p(Bad) of 50%, and at
            another p they are multiplied by (1 - p) / p, see `scratch_d2.structures.scaling`.
        area_method: "contour", "pixel" or "weighted", see `scratch_d2.structures.areas`.
        area_unit: "pixel" of the original image, "fraction" of it, or "mm2", square millimetres.
        review_band: areas in [low, high) are for review; None judges every image.
        gate_threshold: an image with a lower p(Bad), 0..1, is Good without the detector.
        gate_upper_threshold: an image with at least this p(Bad) is Bad whatever its scratch area;
            None leaves every such verdict to the area rule.
        review_disagreement: an image is for review if gate and area rule are sure of the
            opposite. The detector then looks at every image.
        pixels_per_mm: pixels of the original image in a millimetre of the label; 0 if it is not
            known. The unit "mm2" needs it.

    Raises ValueError naming the threshold whose value is not accepted.

    >>> Thresholds(area=0.006, area_unit="fraction", gate_threshold=0.6).area
    0.006
    >>> Thresholds(score=2)
    Traceback (most recent call last):
    ValueError: score is 2; accepted is a number in 0..1
    """

    score: float = 0.5
    area: float = DEFAULT_AREAS["pixel"]
    area_method: str = "contour"
    area_unit: str = "pixel"
    review_band: tuple[float, float] | None = None
    gate_threshold: float = 0.05
    gate_upper_threshold: float | None = None
    review_disagreement: bool = False
    pixels_per_mm: float = 0.0
    area_scaling: str = "none"

    def __post_init__(self) -> None:
        if self.area_method not in AREA_METHODS or self.area_unit not in AREA_UNITS:
            raise ValueError(
                f"area is measured as {self.area_method!r} in {self.area_unit!r}; accepted are "
                f"{', '.join(AREA_METHODS)} in {', '.join(AREA_UNITS)}"
            )
        if self.area_scaling not in AREA_SCALINGS:
            raise ValueError(
                f"area_scaling is {self.area_scaling!r}; accepted are {', '.join(AREA_SCALINGS)}"
            )
        for name, upper in UPPER_BOUNDS.items():
            value = getattr(self, name)
            if value is None and name == "gate_upper_threshold":
                continue
            if not (_is_number(value) and 0 <= value <= upper):
                accepted = "from 0 on" if upper == math.inf else "in 0..1"
                raise ValueError(f"{name} is {value!r}; accepted is a number {accepted}")
        # A scaled limit may be more than the image at 50% and little where the gate is surer.
        is_fraction = self.area_unit == "fraction" and self.area_scaling == "none"
        if is_fraction and self.area > 1:
            raise ValueError(
                f"area is {self.area:g} of the image; accepted is 0 to 1. A threshold in pixels "
                "needs SCRATCH.AREA_UNIT pixel"
            )
        if self.area_unit == "mm2" and not self.pixels_per_mm:
            raise ValueError("areas in mm2 need SCRATCH.PIXELS_PER_MM, the pixels in a millimetre")
        if not isinstance(self.review_disagreement, bool):
            raise ValueError(
                f"review_disagreement is {self.review_disagreement!r}; accepted are True and False"
            )
        if (self.gate_upper_threshold or 1.0) < self.gate_threshold:
            raise ValueError(
                f"gate_upper_threshold is {self.gate_upper_threshold:g}, below gate_threshold "
                f"{self.gate_threshold:g}; accepted is that value or more"
            )
        if self.review_band is not None and not _is_band(self.review_band):
            raise ValueError(
                f"review_band is {self.review_band!r}; accepted are two areas, the lower one first"
            )
        if is_fraction and self.review_band and self.review_band[0] > 1:
            raise ValueError(
                f"review_band is {self.review_band!r}, fractions of the image; accepted are areas "
                "of 0 to 1, because no image would be in this band"
            )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Thresholds":
        """Return thresholds from what a config or JSON holds, a review band as a list or [].

        Names of earlier releases are accepted, with a warning that gives the new one.

        >>> Thresholds.from_dict({"area": 300, "review_band": [200, 400]}).review_band
        (200, 400)
        """
        for old in RENAMED.keys() & values.keys():
            logger.warning("%s is now called %s", old, RENAMED[old])
        values = {RENAMED.get(name, name): value for name, value in values.items()}
        band = values.get("review_band")
        band = tuple(band) or None if isinstance(band, list | tuple) else band
        return cls(**{**values, "review_band": band})

    @classmethod
    def load(cls, file: str | Path) -> "Thresholds":
        """Read thresholds.json; raises ValueError naming the file if it holds anything else."""
        return read_thresholds(file)[0]

    def save(self, folder: str | Path, calibration: Mapping[str, Any] | None = None) -> Path:
        """Write thresholds.json into a folder, beside the checkpoints they belong to.

        Args:
            calibration: how they were chosen, as `Calibration.to_dict` states it. Without it, the
                log says so if calibrated thresholds are replaced.
        """
        path = Path(folder) / THRESHOLDS_FILE
        content = asdict(self)
        if calibration is not None:
            content[CALIBRATION] = dict(calibration)
        elif (former := _former_calibration(path)) is not None:
            logger.warning(
                "%s: the thresholds calibrated on %s are replaced by those of the config; "
                "calibrate them for the new weights",
                path,
                former.get("dataset") or "earlier images",
            )
        return write_atomically(json.dumps(content, indent=2, allow_nan=False) + "\n", path)


# Thresholds known by name. "seed" is the system that this one descends from: a label was Bad with
# a contour area of more than 500 px. Contour areas are multiples of 0.5, so that is 500.5 or more.
RULES = {"seed": Thresholds(score=0.5, area=500.5, area_method="contour", gate_threshold=0.0)}


def measures_alike(one: Thresholds, other: Thresholds) -> bool:
    """Whether areas measured by one are those that the other would measure."""
    names = ["score", "area_method", "area_unit"]
    if one.area_unit == "mm2":
        names.append("pixels_per_mm")
    return all(getattr(one, name) == getattr(other, name) for name in names)


def read_thresholds(file: str | Path) -> tuple[Thresholds, dict[str, Any]]:
    """Read thresholds.json: the thresholds, and how they were chosen, {} if it does not say.

    Raises ValueError naming the file, and the key, if it holds anything else.
    """
    try:
        values = parse_json(Path(file).read_bytes())
        if not isinstance(values, dict):
            raise ValueError(f"a dict is expected, not {values!r}")
        calibration = values.pop(CALIBRATION, {})
        unknown = set(values) - {field.name for field in fields(Thresholds)} - RENAMED.keys()
        if unknown:
            raise ValueError(f"unknown keys {sorted(unknown)}")
        if not isinstance(calibration, dict):
            raise ValueError(f"{CALIBRATION} is {calibration!r}; accepted is a dict")
        for name in HASHES:
            if not isinstance(calibration.get(name, ""), str | None):
                raise ValueError(f"{CALIBRATION}.{name} is {calibration[name]!r}; accepted is text")
        return Thresholds.from_dict(values), calibration
    except ValueError as error:
        raise ValueError(f"{file}: not a file of thresholds ({error})") from None


def _former_calibration(path: Path) -> dict[str, Any] | None:
    """Return how the thresholds in a file were chosen; None if it does not say."""
    try:
        return read_thresholds(path)[1] or None
    except (OSError, ValueError):
        return None
