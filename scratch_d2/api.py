"""The steps from a folder of photographs to judged labels, as functions.

Each does what the command of the same name does. A config is a file of this package or of your
own; `opts` are KEY VALUE pairs over it, such as ["SOLVER.MAX_ITER", "500"].
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scratch_d2.calibration.choice import Calibration
from scratch_d2.calibration.run import run_calibration
from scratch_d2.data.builtin import open_config
from scratch_d2.engines import get_engine
from scratch_d2.evaluation.files import Evaluation
from scratch_d2.evaluation.offline import evaluate_results, offline_settings
from scratch_d2.inspection.inputs import find_files
from scratch_d2.inspection.inspector import Inspector
from scratch_d2.inspection.pictures import Pictures
from scratch_d2.inspection.predict import Options, predict_files
from scratch_d2.inspection.processors import pick_workers
from scratch_d2.report import write_report_of
from scratch_d2.structures.run_record import RunRecord
from scratch_d2.utils.bundled import PRETRAINED

Config = str | Path | None


def predict_folder(
    folder: str | Path,
    output: str | Path,
    inspector: Inspector | None = None,
    save: str = "overlays,masks,bad",
    resume: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Inspect all photographs in a folder, and write rows and pictures into another.

    Args:
        inspector: None loads the reference models.
        save: pictures to save, see `scratch_d2.inspection.pictures.Pictures.parse`.
        resume: complete the results in `output`; `overwrite` replaces them.

    Returns the summary: counts by verdict, unreadable files, settings. Raises FileNotFoundError for
    a folder that is not there, FileExistsError for an `output` that already holds results.
    """
    inspector = inspector or Inspector.from_pretrained(threads=1)
    made_of = inspector.metadata
    workers = pick_workers(str(made_of.get("device", "cpu")), made_of.get("engine"))
    options = Options(8, workers, Pictures.parse(save), resume, overwrite)
    return predict_files(inspector, find_files([str(folder)]), Path(output), options)[0]


def train_gate(config: Config = PRETRAINED, opts: Sequence[str] = (), resume: bool = False) -> Path:
    """Train the gate on DATASETS.TRAIN; returns the checkpoint to use.

    Raises what `scratch_d2.gate.train.train_gate` raises.
    """
    from scratch_d2.gate.train import train_gate as train

    return train(open_config(config, opts), resume)


def train_detector(
    config: Config = PRETRAINED,
    opts: Sequence[str] = (),
    engine: str = "auto",
    resume: bool = False,
) -> Path:
    """Train the detector on DATASETS.TRAIN in this process; returns the final checkpoint.

    Args:
        engine: "auto", "d2" or "embedded".

    Raises ValueError naming a key that the engine does not honour, FloatingPointError if the
    loss is not finite.
    """
    return get_engine(engine).train(open_config(config, opts), resume)


def evaluate(
    dataset: str | Path,
    results: str | Path,
    output: str | Path,
    config: Config = None,
    opts: Sequence[str] = (),
    allow_missing: bool = False,
) -> Evaluation:
    """Evaluate the results of a prediction run, and write metrics, plots and report.html.

    Args:
        dataset: a registered name, or a folder with good/, bad/ and masks/.
        results: the output folder of `predict_folder`, or a file of COCO results with masks.
        output: folder for the evaluation.
        allow_missing: leave out images that have no result, instead of raising ValueError.
    """
    cfg = open_config(config, opts)
    mask_threshold = cfg.SCRATCH.MASK_THRESHOLD
    settings = offline_settings(cfg, RunRecord.read(results), opts)
    evaluation = evaluate_results(
        str(dataset), results, output, settings, mask_threshold, allow_missing
    )
    write_report_of(output, str(dataset), mask_threshold)
    return evaluation


def calibrate(
    config: Config = PRETRAINED,
    goal: str = "f1",
    review_share: float = 0.0,
    inference: str | Path | None = None,
    output: str | Path | None = None,
    engine: str = "auto",
    opts: Sequence[str] = (),
    former: str | Path | None = None,
    anew: bool = False,
) -> Calibration:
    """Choose thresholds for the models of a config and write thresholds.json.

    Args and errors are those of `scratch_d2.calibration.run.run_calibration`.
    """
    cfg = open_config(config, opts)
    options = (goal, review_share, inference, output, opts, former, anew)
    run = run_calibration(cfg, get_engine(engine), *options)
    run.save()
    return run.calibration
