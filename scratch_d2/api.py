"""The steps from a folder of photographs to judged labels, as functions.

They are the functions behind the commands of these names; `evaluate` takes the results of a
prediction run. A config is a file of this package or of your own; `opts` are KEY VALUE pairs over
it, such as ["SOLVER.MAX_ITER", "500"].
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scratch_d2.calibration.choice import Calibration
from scratch_d2.calibration.run import run_calibration
from scratch_d2.data.builtin import open_config, register_folder
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


def train_gate(config: Config = PRETRAINED, opts: Sequence[Any] = (), resume: bool = False) -> Path:
    """Train the gate on DATASETS.TRAIN; returns the checkpoint to use.

    Raises what `scratch_d2.gate.train.train_gate` raises.
    """
    from scratch_d2.gate.train import train_gate as train

    return train(open_config(config, opts), resume)


def train_detector(
    config: Config = PRETRAINED,
    opts: Sequence[Any] = (),
    engine: str | None = None,
    resume: bool = False,
) -> Path:
    """Train the detector on DATASETS.TRAIN in this process; returns OUTPUT_DIR/model_final.pth.

    To inspect, name OUTPUT_DIR/config.yaml: it takes model_best.pth beside it if there is one.

    Args:
        engine: "auto", "d2" or "embedded"; None takes SCRATCH.ENGINE.

    Raises ValueError naming a key that the engine does not honour, FloatingPointError if the
    loss is not finite.
    """
    cfg = open_config(config, opts)
    return get_engine(engine or cfg.SCRATCH.ENGINE).train(cfg, resume)


def evaluate(
    dataset: str | Path,
    results: str | Path,
    output: str | Path,
    config: Config = None,
    opts: Sequence[Any] = (),
    allow_missing: bool = False,
) -> Evaluation:
    """Evaluate the results of a prediction run, and write metrics, plots and report.html.

    Args:
        dataset: a registered name, or a folder with good/, bad/ and masks/.
        results: the output folder of `predict_folder`, or a file of COCO results with masks.
        output: folder for the evaluation.
        allow_missing: leave out images that have no result, instead of raising ValueError.
    """
    cfg, name = open_config(config, opts), str(dataset)
    settings = offline_settings(cfg, RunRecord.read(results), opts)
    register_folder(cfg, name)
    evaluation = evaluate_results(name, results, output, settings, allow_missing)
    write_report_of(output, name)
    return evaluation


def calibrate(
    config: str | Path,
    goal: str = "f1",
    review_share: float = 0.0,
    inference: str | Path | None = None,
    output: str | Path | None = None,
    engine: str | None = None,
    opts: Sequence[Any] = (),
    former: str | Path | None = None,
    anew: bool = False,
) -> Calibration:
    """Choose thresholds for the models of a config and write thresholds.json.

    Nothing is written if none can be chosen (`.chosen` is False): all images are of one class, or
    no scratch is found on a Bad one.

    Args:
        config: names the models, and in DATASETS.TEST the images that thresholds are chosen on.
        goal: "f1", "recall=R" or "cost=C", as `scratch-d2 calibrate --goal`.
        review_share: at most this share of the images, in 0..1, goes to a person.
        inference: folder of an evaluation made before; None evaluates on DATASETS.TEST.
        output: folder for thresholds.json; None means beside the detector's weights.
        engine: "auto", "d2" or "embedded"; None takes SCRATCH.ENGINE.
        former: thresholds.json whose thresholds are kept unless new ones are better on images that
            they were not chosen on; None means the one beside the detector's weights.
        anew: keep none.

    Raises ValueError for an unknown goal, a test set, or an evaluation of other weights or areas.
    """
    cfg = open_config(config, opts)
    options = (goal, review_share, inference, output, opts, former, anew)
    run = run_calibration(cfg, get_engine(engine or cfg.SCRATCH.ENGINE), *options)
    run.save()
    return run.calibration
