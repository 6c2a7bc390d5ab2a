"""Settings that fit a user's photographs, proposed from the sizes of images and scratches.

The sizes are those that the network sees: its finest level has cells of 4 px, and anchors that
overlap a box by less than RPN.IOU_THRESHOLDS do not learn it.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from fvcore.common.config import CfgNode

from scratch_d2.config import flatten
from scratch_d2.data.statistics import Statistics
from scratch_d2.structures.resizing import resized_shape

# Shorter side, px, that nine of ten scratches should have in the detector: two cells.
IN_DETECTOR = 8.0
# The same in the gate, whose finest patches are 8 px apart and see beyond their own.
IN_GATE = 5.0
# A setting that misses its aim by less than this factor is kept.
SLACK = 0.85
LARGEST = 1024  # px, of the longer side in a network
MOST_ENLARGED = 2.0  # times; more shows nothing new
STEP = 32
# Pixels of a batch for which 8 GB are enough.
BATCH_PIXELS = {"cpu": 8 * 400**2, "cuda": 16 * 640**2}
STEPS_PER_EPOCH = 30
WIDTH = 36  # of the keys in a terminal
SIZES = (
    *("INPUT.MIN_SIZE_TEST", "INPUT.MAX_SIZE_TEST"),
    *("INPUT.MIN_SIZE_TRAIN", "INPUT.MAX_SIZE_TRAIN"),
)


@dataclass(frozen=True)
class Proposal:
    """The proposed value of a config key, the value it has now, and the reason for it."""

    key: str
    now: Any
    value: Any
    reason: str

    @property
    def changes(self) -> bool:
        """Whether the value differs from the one of now."""
        return self.value != self.now


def propose_settings(
    statistics: Statistics, cfg: CfgNode, fixed: Iterable[str] = (), device: str = "cpu"
) -> list[Proposal]:
    """Propose sizes, anchors, area unit and threshold, and batches for a dataset.

    Args:
        statistics: what `measure_sizes` returns.
        cfg: the config to change, with the values of now.
        fixed: keys that the user has set; nothing is proposed for them.
        device: "cpu" or "cuda", where training runs.
    """
    now, fixed = {key: _plain(value) for key, value in flatten(cfg).items()}, set(fixed)
    proposals: list[Proposal] = []
    if not math.isnan(statistics["scratch_short_50"]):
        sizes = [] if fixed.intersection(SIZES) else _detector_size(statistics, now)
        sizes += _gate_size(statistics, now)
        planned = now | {p.key: p.value for p in sizes}
        room = BATCH_PIXELS.get(device, BATCH_PIXELS["cpu"])
        proposals = [*sizes, *_anchors(statistics, planned)]
        proposals += _detector_batch(statistics, planned, room)
    proposals += [*_gate_batch(statistics, now), *_area(statistics, now)]
    return [proposal for proposal in proposals if proposal.key not in fixed]


def format_proposals(proposals: Sequence[Proposal]) -> str:
    """Format proposals as lines: keys with the values of now and then, below them the reason."""
    lines = []
    for reason, group in groupby(proposals, key=lambda proposal: proposal.reason):
        for p in group:
            values = f"{_show(p.now)} -> {_show(p.value)}" if p.changes else _show(p.now)
            lines.append(f"{'change' if p.changes else 'keep':7}{p.key:{WIDTH}} {values}")
        lines.append(f"{'':7}{reason}")
    return "\n".join(lines)


def to_pairs(proposals: Sequence[Proposal]) -> list[str]:
    """Return the KEY VALUE pairs of the proposals that change a setting."""
    return [text for p in proposals if p.changes for text in (p.key, str(p.value))]


def _scale(statistics: Statistics, now: Mapping[str, Any]) -> float:
    """Return by what factor the detector resizes a photograph of median sides."""
    short, long = statistics["short_side_50"], statistics["long_side_50"]
    size = resized_shape(
        (round(short), round(long)), now["INPUT.MIN_SIZE_TEST"], now["INPUT.MAX_SIZE_TEST"]
    )
    return max(size) / long


def _detector_size(statistics: Statistics, now: Mapping[str, Any]) -> list[Proposal]:
    short, scale = statistics["scratch_short_10"], _scale(statistics, now)
    seen = f"a tenth of the scratches is narrower than {short:.3g} px"
    best = min(IN_DETECTOR / short, MOST_ENLARGED, LARGEST / statistics["long_side_95"])
    if short * scale >= SLACK * IN_DETECTOR or best <= scale:
        reason = f"{seen}, which is {short * scale:.2g} px in the detector"
        return [Proposal(key, now[key], now[key], reason) for key in SIZES]
    shortest = _round_up(statistics["short_side_50"] * best)
    longest = _round_up(statistics["long_side_95"] * best)
    values = (shortest, longest, [shortest - STEP, shortest, shortest + STEP], longest)
    reason = (
        f"{seen}, {short * scale:.2g} px in the detector now and {short * best:.2g} px then; two "
        f"cells of its finest level are {IN_DETECTOR:g} px"
    )
    return [Proposal(key, now[key], value, reason) for key, value in zip(SIZES, values)]


def _gate_size(statistics: Statistics, now: Mapping[str, Any]) -> list[Proposal]:
    key = "GATE.IMAGE_SIZE"
    long, short = statistics["long_side_50"], statistics["scratch_short_10"]
    in_gate = short * now[key] / long
    size = min(_round_up(long * min(IN_GATE / short, MOST_ENLARGED)), LARGEST)
    if in_gate >= SLACK * IN_GATE or size <= now[key]:
        reason = f"a narrow scratch is {in_gate:.2g} px in the gate"
        return [Proposal(key, now[key], now[key], reason)]
    reason = f"a narrow scratch is {in_gate:.2g} px in the gate now; {IN_GATE:g} px still show"
    return [Proposal(key, now[key], size, reason)]


def _anchors(statistics: Statistics, now: Mapping[str, Any]) -> list[Proposal]:
    key = "MODEL.ANCHOR_GENERATOR.SIZES"
    sizes = now[key]
    flat = [size for level in sizes for size in level]
    scale = _scale(statistics, now)
    small, large = statistics["scratch_size_10"] * scale, statistics["scratch_size_95"] * scale
    reason = f"boxes are {small:.3g} to {large:.3g} px in the detector, by the root of their area"
    first = float(min(max(2 ** round(math.log2(max(small, 1))), 8), 64))
    value = sizes
    if small < min(flat) / 2 or large > max(flat) * 2:
        value = [[int(first * 2**level)] for level in range(len(sizes))]
    proposals = [Proposal(key, sizes, value, reason)]
    key = "MODEL.ANCHOR_GENERATOR.ASPECT_RATIOS"
    ratios, length = now[key], statistics["scratch_ratio_95"]
    longest = max(max(ratio, 1 / ratio) for level in ratios for ratio in level)
    reason = f"a twentieth of the boxes is longer than {length:.2g} to 1; anchors are {longest:g}"
    value = ratios
    if length > 4 * longest:  # an anchor covers a third of such a box then
        value = [sorted({*level, 2 * longest, 0.5 / longest}) for level in ratios]
        reason += ". The last layers of the RPN start anew, since they have more anchors"
    return [*proposals, Proposal(key, ratios, value, reason)]


def _detector_batch(statistics: Statistics, now: Mapping[str, Any], room: int) -> list[Proposal]:
    key, rate = "SOLVER.IMS_PER_BATCH", "SOLVER.BASE_LR"
    pixels = statistics["short_side_50"] * statistics["long_side_50"] * _scale(statistics, now) ** 2
    batch = now[key]
    while batch > 2 and batch * pixels > room:
        batch //= 2
    reason = f"{batch} photographs of {pixels / 1e6:.2g} megapixels a batch"
    lower = f"the rate follows the batch, {now[key]} to {batch}"
    changed = [Proposal(rate, now[rate], now[rate] * batch / now[key], lower)]
    return [Proposal(key, now[key], batch, reason), *(changed if batch != now[key] else [])]


def _gate_batch(statistics: Statistics, now: Mapping[str, Any]) -> list[Proposal]:
    key, images = "GATE.BATCH_SIZE", int(statistics["photographs"])
    fitting = [size for size in (64, 32, 16) if size * STEPS_PER_EPOCH <= images]
    value = fitting[0] if fitting else 16
    reason = f"{images} photographs make {max(1, images // value)} steps an epoch"
    return [Proposal(key, now[key], value, reason)]


def _area(statistics: Statistics, now: Mapping[str, Any]) -> list[Proposal]:
    unit, threshold = "SCRATCH.AREA_UNIT", "SCRATCH.AREA_THRESHOLD"
    known = now["SCRATCH.PIXELS_PER_MM"] > 0
    sides = f"{statistics['long_side_5']:.0f} to {statistics['long_side_95']:.0f} px"
    why = (
        "PIXELS_PER_MM is set, so areas can be compared with a drawing"
        if known
        else f"PIXELS_PER_MM is not set, and longer sides are {sides}"
    )
    value = "mm2" if known else "fraction"
    value = now[unit] if now[unit] == "auto" else value  # it means the same
    proposals = [Proposal(unit, now[unit], value, why)]
    least = statistics["coverage_5"]
    # Of scaled areas, the threshold is no area of a scratch, and only calibration finds it.
    scaled = now["SCRATCH.AREA_SCALING"] != "none"
    if known or scaled or math.isnan(least) or now[threshold] != -1:
        return proposals
    share = float(f"{least / 200:.2g}")
    reason = (
        f"half of the smallest areas: a twentieth of the masks marks less than {least:.2g}% of its "
        "image. Calibration chooses a better one"
    )
    return [*proposals, Proposal(threshold, now[threshold], share, reason)]


def _round_up(pixels: float) -> int:
    return max(STEP, math.ceil(pixels / STEP) * STEP)


def _show(value: Any) -> str:
    return str(value).replace(" ", "")


def _plain(value: Any) -> Any:
    """Return a config value with lists in place of tuples, so that equal ones are equal."""
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
