"""A calibration from models to thresholds.json: evaluate, choose, compare, save."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fvcore.common.config import CfgNode

from scratch_d2.calibration.choice import Calibration, calibrate, read_goal
from scratch_d2.calibration.keeping import Former
from scratch_d2.calibration.metrics import VerdictMetrics
from scratch_d2.calibration.source import (
    Source,
    check_measure,
    check_weights,
    evaluate_for,
    read_source,
)
from scratch_d2.checkpoints.bundle import ModelBundle, resolve_bundle
from scratch_d2.engines.base import Engine
from scratch_d2.structures.thresholds import (
    RULES,
    THRESHOLDS_FILE,
    Thresholds,
    measures_alike,
)
from scratch_d2.utils.files import prepare_output_dir


@dataclass(frozen=True, eq=False)
class CalibrationRun:
    """Thresholds that were chosen for the models of a config.

    Attributes:
        calibration: what was chosen.
        source: the images that it was chosen on.
        before: the former thresholds, or those in force until then.
        hashes: of the weights, see `ModelBundle.hash_weights`.
        folder: where thresholds.json belongs.
    """

    calibration: Calibration
    source: Source
    before: Thresholds
    hashes: dict[str, str | None]
    folder: Path

    def compare(self) -> dict[str, tuple[Thresholds, VerdictMetrics | None]]:
        """Return the thresholds before and the rules by name, with their metrics on the images.

        If the thresholds before were kept, they are no others.
        """
        others = RULES if self.calibration.kept else {"before": self.before, **RULES}
        return {name: (t, self.source.measure(t)) for name, t in others.items()}

    def save(self) -> Path | None:
        """Write thresholds.json; None, and nothing is written, if nothing could be chosen."""
        if not self.calibration.chosen:
            return None
        block = self.calibration.to_dict(**self.source.metadata(), **self.hashes)
        return self.calibration.thresholds.save(self.folder, block)


def run_calibration(
    cfg: CfgNode,
    engine: Engine,
    goal: str = "f1",
    review_share: float = 0.0,
    inference: str | Path | None = None,
    output: str | Path | None = None,
    opts: Sequence[str] = (),
    former: str | Path | None = None,
    anew: bool = False,
) -> CalibrationRun:
    """Choose thresholds for the models of a config, or keep those that were calibrated before.

    Args:
        goal: "f1", "recall=R", "cost=C" or a rule, see `scratch_d2.calibration.goal`.
        review_share: at most this share of the images, in 0..1, goes to a person.
        inference: folder of an evaluation made before; None evaluates on DATASETS.TEST.
        output: folder for thresholds.json; None means beside the detector's weights.
        opts: KEY VALUE pairs merged into `cfg`, which override saved thresholds.
        former: thresholds.json whose thresholds are kept unless new ones are better on images that
            they were not chosen on; None means the one beside the detector's weights.
        anew: keep none.

    Raises ValueError for an unknown goal, a test set, or an evaluation of other weights or areas.
    """
    parsed = read_goal(goal, review_share)
    bundle = resolve_bundle(cfg, opts)
    folder = prepare_output_dir(output or bundle.detector.parent)
    source = read_source(inference or evaluate_for(parsed, cfg, engine, bundle, folder))
    check_weights(bundle, source)
    if inference:
        check_measure(opts, bundle.thresholds, source.thresholds)
    alike = measures_alike(bundle.thresholds, source.thresholds)
    scaling = bundle.thresholds.area_scaling
    start = bundle.thresholds if alike else replace(source.thresholds, area_scaling=scaling)
    before, warning = None, None
    if not anew:
        before, warning = _find_former(former, bundle, start, source, review_share)
    calibration = calibrate(source.images, start, parsed, review_share, before)
    calibration = replace(
        calibration,
        thresholds=raise_gates(calibration.thresholds, source.lowest_gate),
        warnings=source.warnings + calibration.warnings + ((warning,) if warning else ()),
    )
    in_force = before.thresholds if before else bundle.thresholds
    return CalibrationRun(calibration, source, in_force, bundle.hash_weights(), folder)


def raise_gates(thresholds: Thresholds, lowest: float) -> Thresholds:
    """Return the thresholds with those of the gate raised to the lowest that can be judged."""
    lower, upper = thresholds.gate_threshold, thresholds.gate_upper_threshold
    upper = None if upper is None else max(upper, lowest)
    return replace(thresholds, gate_threshold=max(lower, lowest), gate_upper_threshold=upper)


def _find_former(
    file: str | Path | None,
    bundle: ModelBundle,
    start: Thresholds,
    source: Source,
    review_share: float,
) -> tuple[Former | None, str | None]:
    """Return thresholds that may be kept, or None and, if their file was named, the reason."""
    beside = bundle.detector.parent / THRESHOLDS_FILE
    if file is None and not beside.is_file():
        return None, None
    former = Former.read(file or beside)
    if former is None:
        reason: str | None = "they were never calibrated"
    else:
        reason = former.why_not(start, source.data_sha256, review_share)
    if reason is None:
        return former, None
    if file is None:
        return None, None
    return None, f"the thresholds of {file} are not compared with new ones: {reason}"
