"""Evaluate what a former run left behind; write the report of an evaluation from its folder."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fvcore.common.config import CfgNode

from scratch_d2.checkpoints.bundle import override_thresholds, record_beside
from scratch_d2.config import override
from scratch_d2.data.catalog import find_dataset_dicts
from scratch_d2.evaluation.evaluate import evaluate_dicts
from scratch_d2.evaluation.files import Evaluation, write_evaluation
from scratch_d2.evaluation.results_io import LoadedResults, read_results
from scratch_d2.evaluation.settings import DEFAULT_SETTINGS, EvaluationSettings
from scratch_d2.structures.run_record import RunRecord
from scratch_d2.structures.scaling import check_scaling
from scratch_d2.utils.files import prepare_output_dir


def evaluate_results(
    dataset: str,
    path: str | Path,
    output: str | Path,
    settings: EvaluationSettings = DEFAULT_SETTINGS,
    allow_missing: bool = False,
) -> Evaluation:
    """Evaluate results of an earlier run on a registered dataset or a folder, and write a folder.

    The detector of the run has not seen the images with p(Bad) below the run's gate threshold, so
    that there is no verdict of the area rule alone on them.

    Args:
        settings: what to evaluate by; `offline_settings` takes them from the run.
        allow_missing: evaluate the images that have a result, if some have none.

    Raises what `read_results` raises, ValueError if an image has no result, the gate threshold
    is lower than that of the run, or areas are to be scaled by scores that the results do not
    hold, and OSError if the folder cannot be written.
    """
    if Path(output).resolve() in (Path(path).resolve(), Path(path).resolve().parent):
        raise ValueError(
            f"{str(output)!r} holds the results; choose another folder for the evaluation"
        )
    prepare_output_dir(output)
    dicts = find_dataset_dicts(dataset)
    loaded = read_results(path, dicts)
    run = RunRecord.read(path)
    inspected_from = run.thresholds.gate_threshold if run else 0.0
    hidden = any(p < inspected_from for p in loaded.p_bad.values())
    if hidden and settings.thresholds.gate_threshold < inspected_from:
        raise ValueError(
            f"GATE.THRESHOLD is {settings.thresholds.gate_threshold:g}, but the detector has not "
            f"seen the images with p(Bad) below {inspected_from:g}; inspect them again"
        )
    present, notes = _select_present(path, dicts, loaded, allow_missing)
    p_bad = _scores_of(path, present, loaded)
    check_scaling(settings.thresholds, p_bad is not None)
    if run and run.precision == "bfloat16":
        notes.append(
            "the run computed in bfloat16, and exactly only what was close: areas and AP differ a "
            "little from exact ones (SCRATCH.PRECISION exact)"
        )
    made = evaluate_dicts(dataset, present, loaded.predictions, p_bad, settings)
    notes += loaded.notes + made.metadata["notes"]
    made = replace(made, metadata={**made.metadata, "notes": notes})
    made = _hide_unseen(made, inspected_from) if hidden else made
    write_evaluation(made, loaded.predictions, output)
    return made


def _select_present(
    path: str | Path, dicts: Sequence[Mapping[str, Any]], loaded: LoadedResults, allow_missing: bool
) -> tuple[list[Mapping[str, Any]], list[str]]:
    """Return the dicts that have a result, and a note on the others."""
    present = [item for item in dicts if item["image_id"] in loaded.predictions]
    missing = [d["file_name"] for d in dicts if d["image_id"] not in loaded.predictions]
    if not missing:
        return present, []
    reason = f"{len(missing)} of {len(dicts)} images have no result, the first is {missing[0]!r}"
    if not (allow_missing and present):
        raise ValueError(f"{path}: {reason}; --allow-missing evaluates the others")
    return present, [f"{reason}; the metrics are of the others"]


def _scores_of(
    path: str | Path, dicts: Sequence[Mapping[str, Any]], loaded: LoadedResults
) -> list[float] | None:
    """Return the gate's score of each dict, or None if the run had no gate."""
    if not loaded.p_bad:
        return None
    unscored = [d["file_name"] for d in dicts if d["image_id"] not in loaded.p_bad]
    if unscored:
        raise ValueError(f"{path}: {unscored[0]!r} has no score of the gate, others have")
    return [loaded.p_bad[item["image_id"]] for item in dicts]


def _hide_unseen(made: Evaluation, skipped_below: float) -> Evaluation:
    """Take away what an evaluation cannot know of images that the detector has not seen."""
    image = {k: v for k, v in made.results["image"].items() if not k.startswith("area_")}
    unknown = dict.fromkeys(("recall_lost", "fp_avoided"), math.nan)
    results = {**made.results, "image": image, "gate": {**made.results["gate"], **unknown}}
    note = (
        f"the detector has not seen the images with p(Bad) below {skipped_below:g}: AP counts "
        "them as empty, and neither the area rule alone nor a lower gate threshold can be judged"
    )
    notes = [note, *made.metadata["notes"]]
    metadata = {**made.metadata, "unseen_below": skipped_below, "notes": notes}
    return replace(made, results=results, metadata=metadata)


def offline_settings(
    cfg: CfgNode, run: RunRecord | None, opts: Sequence[str] = ()
) -> EvaluationSettings:
    """Return the settings that evaluate a run: its own thresholds, gate and training records.

    What a config names overrides the run's gate and record, and the keys in `opts`, KEY VALUE pairs
    already merged into it, override the run's thresholds.
    """
    if run is None:
        return replace(EvaluationSettings.in_training(cfg), train_datasets=())
    # Its thresholds are replaced below, so that what they need does not matter.
    plain = override(cfg, {"SCRATCH.AREA_SCALING": "none"})
    settings = replace(EvaluationSettings.in_training(plain), train_datasets=())
    gate = settings.gate or (Path(run.gate_weights) if run.gate_weights else None)
    return replace(
        settings,
        thresholds=override_thresholds(run.thresholds, cfg, opts),
        gate=gate,
        detector_record=settings.detector_record or record_beside(run.weights),
        gate_record=record_beside(gate) if gate else None,
        calibrated_on=run.calibrated_on,
    )
