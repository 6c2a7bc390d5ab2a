"""What `evaluate` and `train-detector --eval-only` share: evaluate models, print, write reports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fvcore.common.config import CfgNode

    from scratch_d2.checkpoints.bundle import ModelBundle
    from scratch_d2.engines import Engine


def evaluate_models(cfg: CfgNode, engine: Engine, bundle: ModelBundle) -> None:
    """Evaluate models on DATASETS.TEST, print the metrics, and write all to OUTPUT_DIR/inference.

    With several datasets each has a subfolder of its own.
    """
    from scratch_d2.evaluation.files import record_weight_hashes
    from scratch_d2.evaluation.settings import EvaluationSettings

    settings = EvaluationSettings.of_bundle(cfg, bundle)
    if not engine.evaluate(cfg, bundle.detector, settings):
        return  # another process writes the results
    print(f"detector: {bundle.detector}")
    print(f"gate:     {bundle.gate or 'none'}\n")
    hashes = bundle.hash_weights()
    folder, names = Path(cfg.OUTPUT_DIR) / "inference", list(cfg.DATASETS.TEST)
    for name in names:
        own = folder / name if len(names) > 1 else folder
        record_weight_hashes(own, hashes)
        print_evaluation(own, name)


def print_evaluation(folder: Path, dataset: str) -> None:
    """Print the metrics that an evaluation wrote into a folder, and write report.html there."""
    from scratch_d2.evaluation.table import format_evaluation
    from scratch_d2.report import write_report_of

    print(format_evaluation(folder))
    print(f"\nwritten: {write_report_of(folder, dataset)}")
