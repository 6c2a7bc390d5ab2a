"""Inspect a list of files and write every output, surviving bad files and interruptions."""

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from fvcore.common.config import CfgNode
from PIL import Image
from tqdm import tqdm

from scratch_d2.data.images import Read, read_batches
from scratch_d2.engines.base import Detector, Engine
from scratch_d2.inspection.overlay import draw_overlay
from scratch_d2.inspection.pipeline import Gate, inspect, load_gate
from scratch_d2.inspection.rows import Row, RowFile, error_row, ok_row, write_derived
from scratch_d2.inspection.verdict import Thresholds, adopt_saved_thresholds, scratch_mask
from scratch_d2.runs import prepare_output_dir

RESULTS, SETTINGS = "results.jsonl", "settings.json"
OUTPUTS = (RESULTS, SETTINGS, "results.csv", "summary.json", "coco_instances_results.json")
FOLDERS = ("overlays", "masks")


def predict_folder(
    cfg: CfgNode,
    engine: Engine,
    files: Sequence[Path],
    output: Path,
    opts: Sequence[str] = (),
    batch_size: int = 8,
    resume: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Inspect files with the gate and the detector of a config and write every output.

    Args:
        output: receives results.jsonl, results.csv, coco_instances_results.json, summary.json,
            settings.json, overlays/ and masks/.
        opts: the KEY VALUE pairs already merged into `cfg`; they go before saved thresholds.
        resume: keep the rows that are there and inspect the other files.
        overwrite: replace former results.

    Returns the summary; raises what `prepare_results` and loading the weights raise.
    """
    from scratch_d2.engines.weights import choose_weights

    weights = choose_weights(cfg, opts)
    adopt_saved_thresholds(cfg, weights, opts)
    thresholds = Thresholds.from_config(cfg)
    detector, gate = engine.load(cfg, weights), load_gate(cfg)
    settings = {
        "engine": engine.name,
        "weights": str(weights),
        "gate_weights": cfg.GATE.WEIGHTS if gate else None,
        "calibrated_on": cfg.SCRATCH.CALIBRATED_ON,
        **asdict(thresholds),
        "review_band": list(thresholds.review_band or []),
    }
    rows = prepare_results(output, settings, resume, overwrite)
    predict_files(files, output, rows, detector, gate, thresholds, batch_size)
    return write_derived(rows, output, settings)


def prepare_results(
    folder: Path, settings: dict[str, Any], resume: bool = False, overwrite: bool = False
) -> RowFile:
    """Make a results folder ready: new, taken up again, or emptied of its former results.

    Raises:
        FileExistsError: it holds results and neither `resume` nor `overwrite` is given.
        ValueError: it holds results made with other settings than those to resume with.
        OSError: it cannot be written.
    """
    prepare_output_dir(folder)
    rows, stated = RowFile(folder / RESULTS), folder / SETTINGS
    if overwrite:
        for name in OUTPUTS:
            (folder / name).unlink(missing_ok=True)
        for name in FOLDERS:
            shutil.rmtree(folder / name, ignore_errors=True)
    elif rows.path.exists() and not resume:
        raise FileExistsError(
            f"output folder {str(folder)!r} already holds results; pass --resume to complete them "
            "or --overwrite to replace them"
        )
    if stated.is_file():
        former = json.loads(stated.read_text("utf-8"))
        changed = [key for key in settings if former.get(key) != settings[key]]
        if changed:
            key = changed[0]
            raise ValueError(
                f"output folder {str(folder)!r} holds results with {key} = {former.get(key)!r}, "
                f"now it is {settings[key]!r}; pass --overwrite or choose another folder"
            )
    rows.repair()
    for name in FOLDERS:
        (folder / name).mkdir(exist_ok=True)
    stated.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    return rows


def predict_files(
    files: Sequence[Path],
    folder: Path,
    rows: RowFile,
    detector: Detector,
    gate: Gate | None,
    thresholds: Thresholds,
    batch_size: int = 8,
) -> None:
    """Inspect the files that have no row yet; overlay and mask are written before the row."""
    known = {row["file"]: row["image_id"] for row in rows}
    todo = [file for file in files if str(file) not in known]
    next_id = max(known.values(), default=-1) + 1
    with tqdm(total=len(files), initial=len(files) - len(todo), unit="image", disable=None) as bar:
        for batch in read_batches(todo, batch_size):
            rows.append(_predict_batch(batch, next_id, folder, detector, gate, thresholds))
            next_id += len(batch)
            bar.update(len(batch))


def _predict_batch(
    batch: list[Read],
    first_id: int,
    folder: Path,
    detector: Detector,
    gate: Gate | None,
    thresholds: Thresholds,
) -> list[Row]:
    images = [image for _, image, _ in batch if image is not None]
    inspections = iter(inspect(images, detector, gate, thresholds))
    made = []
    for image_id, (path, image, error) in enumerate(batch, first_id):
        if image is None:
            made.append(error_row(image_id, path, error))
            continue
        inspection = next(inspections)
        name = picture_name(image_id, path)
        overlay = draw_overlay(image, inspection.prediction, inspection.verdict, thresholds)
        Image.fromarray(overlay).save(folder / "overlays" / name)
        mask = scratch_mask(inspection.prediction, thresholds)
        Image.fromarray(mask.astype(np.uint8) * 255).save(folder / "masks" / name)
        row = ok_row(image_id, path, inspection, thresholds)
        made.append({**row, "overlay": f"overlays/{name}", "mask": f"masks/{name}"})
    return made


def picture_name(image_id: int, file: Path) -> str:
    """Name the overlay and mask of a file: unique by its id, safe on every file system."""
    return f"{image_id:06d}_{re.sub(r'[^A-Za-z0-9._-]+', '_', file.stem)[:100]}.png"
