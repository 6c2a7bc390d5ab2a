"""Evaluate what a former run left behind; write the report of an evaluation from its folder."""

import json
import math
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

from fvcore.common.config import CfgNode

from scratch_d2.checkpoints.resolve import put_thresholds
from scratch_d2.data.catalog import find_dataset_dicts
from scratch_d2.evaluation.evaluate import evaluate_dicts
from scratch_d2.evaluation.files import Evaluation, write_evaluation
from scratch_d2.evaluation.leaks import adopt_training_record
from scratch_d2.evaluation.results_io import read_results
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.utils.files import prepare_output_dir


def evaluate_results(
    cfg: CfgNode,
    dataset: str,
    path: str | Path,
    output: str | Path,
    opts: Sequence[str] = (),
    allow_missing: bool = False,
) -> Evaluation:
    """Evaluate results of a former run on a registered dataset or a folder, and write a folder.

    The thresholds are those of the run where it states them (`settings.json` of tools/predict.py),
    but for the keys in `opts`, KEY VALUE pairs already merged into `cfg`. Of images that its gate
    let pass the detector has seen nothing: there is no verdict of the area rule alone then.

    Args:
        allow_missing: evaluate the images that have a result, where some have none.

    Raises what `read_results` raises, ValueError where an image has no result or GATE.SKIP_BELOW is
    lower than it was, and OSError where the folder cannot be written.
    """
    if Path(output).resolve() in (Path(path).resolve(), Path(path).resolve().parent):
        raise ValueError(f"{str(output)!r} holds the results; choose another folder for figures")
    prepare_output_dir(output)
    dicts = find_dataset_dicts(dataset, cfg.SCRATCH.MASK_THRESHOLD)
    saved, notes = read_results(path, dicts), []
    stated = adopt_settings(cfg, path, opts)
    hidden = bool(stated) and any(p < stated.gate_skip for p in saved.p_bad.values())
    if hidden and cfg.GATE.SKIP_BELOW < stated.gate_skip:
        raise ValueError(
            f"GATE.SKIP_BELOW is {cfg.GATE.SKIP_BELOW:g}, but the detector has not seen the images "
            f"with p(Bad) below {stated.gate_skip:g}; inspect them again"
        )
    present = [item for item in dicts if item["image_id"] in saved.predictions]
    missing = [d["file_name"] for d in dicts if d["image_id"] not in saved.predictions]
    if missing:
        said = f"{len(missing)} of {len(dicts)} images have no result, the first is {missing[0]!r}"
        if not (allow_missing and present):
            raise ValueError(f"{path}: {said}; --allow-missing evaluates the others")
        notes.append(f"{said}; the figures are of the others")
    p_bad = [saved.p_bad.get(item["image_id"]) for item in present] if saved.p_bad else None
    if p_bad and None in p_bad:
        file = present[p_bad.index(None)]["file_name"]
        raise ValueError(f"{path}: {file!r} has no score of the gate, others have")
    made = evaluate_dicts(cfg, dataset, present, saved.predictions, p_bad)
    made = replace(made, about={**made.about, "notes": notes + saved.notes + made.about["notes"]})
    made = _hide_unseen(made, stated.gate_skip) if hidden else made
    write_evaluation(made, saved.predictions, output)
    return made


def _hide_unseen(made: Evaluation, skipped_below: float) -> Evaluation:
    """Take away what an evaluation cannot know of images that the detector has not seen."""
    image = {k: v for k, v in made.results["image"].items() if not k.startswith("area_")}
    unknown = dict.fromkeys(("recall_lost", "false_alarms_avoided"), math.nan)
    results = {**made.results, "image": image, "gate": {**made.results["gate"], **unknown}}
    note = (
        f"the detector has not seen the images with p(Bad) below {skipped_below:g}: AP takes them "
        "for empty, nobody knows what the area rule alone would say, and a lower threshold of the "
        "gate cannot be judged here"
    )
    about = {**made.about, "unseen_below": skipped_below, "notes": [note, *made.about["notes"]]}
    return replace(made, results=results, about=about)


def adopt_settings(cfg: CfgNode, path: str | Path, opts: Sequence[str] = ()) -> Thresholds | None:
    """Put what a folder of tools/predict.py states into a config, in place.

    That is its thresholds, the images they were chosen on, its gate where the config names none,
    and what its detector was trained on. Returns the thresholds; None where nothing is stated.
    """
    file = Path(path) / "settings.json"
    if not file.is_file():
        return None
    try:
        stated = json.loads(file.read_text("utf-8"))
        names = [column.name for column in fields(Thresholds)]
        thresholds = Thresholds.from_dict({name: stated[name] for name in names})
        texts = [stated.get(key) or "" for key in ("weights", "gate_weights", "calibrated_on")]
        weights, gate, calibrated_on = map(str, texts)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{file}: not the settings of tools/predict.py ({error!r})") from None
    put_thresholds(cfg, thresholds, keep=opts[::2])
    cfg.SCRATCH.CALIBRATED_ON = cfg.SCRATCH.CALIBRATED_ON or calibrated_on
    cfg.GATE.WEIGHTS = cfg.GATE.WEIGHTS or gate
    adopt_training_record(cfg, weights)
    return thresholds
