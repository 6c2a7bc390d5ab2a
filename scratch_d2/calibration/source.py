"""The images that a calibration is made on, as an evaluation wrote them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from fvcore.common.config import CfgNode

from scratch_d2.calibration.goal import Goal
from scratch_d2.calibration.metrics import VerdictMetrics, measure
from scratch_d2.checkpoints.bundle import CONFIG_KEYS, ModelBundle
from scratch_d2.config import override
from scratch_d2.engines.base import Engine
from scratch_d2.evaluation.files import read_evaluation, record_weight_hashes
from scratch_d2.evaluation.images import ImageTable
from scratch_d2.evaluation.settings import EvaluationSettings
from scratch_d2.structures.thresholds import RULES, Thresholds, measures_alike

# The thresholds by which areas are measured.
MEASURE = ("score", "area_method", "area_unit", "pixels_per_mm")


@dataclass(frozen=True, eq=False)
class Source:
    """Evaluated images.

    Attributes:
        images: one row each, areas measured by `thresholds`.
        thresholds: those in force in the evaluation.
        dataset: its name.
        data_sha256: hash of its images, see `scratch_d2.data.split.data_hash`.
        weights: hashes of the weights that looked at them, see `ModelBundle.hash_weights`; {} if
            not known.
        notes: the notes of the evaluation, one sentence each.
        warnings: what speaks against calibrating on them, likewise.
        lowest_gate: the detector has not seen images with a lower p(Bad), so that no lower gate
            threshold can be chosen; 0 if it has seen all. Their p(Bad) is 0 in `images`.
    """

    images: ImageTable
    thresholds: Thresholds
    dataset: str
    data_sha256: str
    weights: dict[str, str | None]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    lowest_gate: float = 0.0

    def measure(self, thresholds: Thresholds) -> VerdictMetrics | None:
        """Return the metrics of other thresholds; None if they measure areas in another way."""
        alike = measures_alike(thresholds, self.thresholds)
        return measure(self.images, thresholds) if alike else None

    def metadata(self) -> dict[str, Any]:
        """Return what thresholds.json says of the images."""
        return {
            "dataset": self.dataset,
            "data_sha256": self.data_sha256,
            "images": len(self.images),
            "bad": int(self.images.y_true.sum()),
            "groups": len(set(self.images.group)),
        }


def read_source(folder: str | Path) -> Source:
    """Read images.jsonl and evaluation.json of an evaluation's folder.

    Raises FileNotFoundError or ValueError naming the file if one is missing, does not say which
    images it is about, or is about a test set.
    """
    (results, metadata), images = read_evaluation(folder), ImageTable.load(folder)
    try:
        thresholds, dataset = Thresholds.from_dict(metadata["thresholds"]), metadata["dataset"]
        data_sha256, count = metadata["data_sha256"], metadata["images"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{folder}: evaluation.json does not say on which images and with which thresholds it "
            f"was made ({error!r}); evaluate again"
        ) from None
    if count != len(images):
        raise ValueError(
            f"{folder}: images.jsonl holds {len(images)} images, evaluation.json is about {count}; "
            "evaluate again"
        )
    refuse_test_set(dataset)
    notes, lowest = list(metadata.get("notes", ())), float(metadata.get("unseen_below", 0.0))
    if lowest and images.p_bad is not None:
        # Whatever threshold is chosen from `lowest` on, these are Good.
        images = replace(images, p_bad=np.where(images.p_bad < lowest, 0.0, images.p_bad))
        notes.append(
            f"the detector has not seen the images with p(Bad) below {lowest:g}: a lower gate "
            "threshold was not tried; calibrate with --dataset to try all"
        )
    seen = int(results.get("leak", {}).get("test_images", 0))
    warning = (
        f"{seen} of {count} images, or nearly the same, were trained on: expect less of others"
    )
    return Source(
        images=images,
        thresholds=thresholds,
        dataset=dataset,
        data_sha256=data_sha256,
        weights={
            key: metadata[key] for key in ("weights_sha256", "gate_sha256") if key in metadata
        },
        notes=tuple(notes),
        warnings=(warning,) if seen else (),
        lowest_gate=lowest,
    )


def evaluate_for(
    goal: Goal | str, cfg: CfgNode, engine: Engine, bundle: ModelBundle, output: Path
) -> Path:
    """Evaluate on the one dataset of DATASETS.TEST in the way that a goal or a rule needs.

    All is written into `output`/calibration, so that no file of a training run is replaced.
    Returns the folder that `read_source` reads; raises ValueError for several datasets or a test
    set.
    """
    names = tuple(cfg.DATASETS.TEST)
    if len(names) != 1:
        raise ValueError(f"DATASETS.TEST is {names}; calibration takes one dataset, --dataset NAME")
    refuse_test_set(names[0])
    if isinstance(goal, str):
        bundle = replace(bundle, thresholds=RULES[goal])
    folder = output / "calibration"
    settings = EvaluationSettings.of_bundle(cfg, bundle)
    engine.evaluate(override(cfg, {"OUTPUT_DIR": str(folder)}), bundle.detector, settings)
    record_weight_hashes(folder / "inference", bundle.hash_weights())
    return folder / "inference"


def check_weights(bundle: ModelBundle, source: Source) -> None:
    """Raise ValueError if other weights than those of the bundle looked at the images."""
    gate, hashes = bundle.gate, bundle.hash_weights()
    if len(source.images) and bool(gate) != (source.images.p_bad is not None):
        raise ValueError(
            f"GATE.WEIGHTS is {str(gate or '')!r}, but the images were evaluated "
            f"{'without a gate' if gate else 'with one'}; name the gate of that evaluation"
        )
    for key, kind in (("weights_sha256", "detector"), ("gate_sha256", "gate")):
        if source.weights.get(key, hashes[key]) != hashes[key]:
            raise ValueError(
                f"the images were evaluated with another {kind} than the one to calibrate; "
                "evaluate again, or name the weights of that evaluation"
            )


def check_measure(opts: Sequence[str], asked: Thresholds, measured: Thresholds) -> None:
    """Raise ValueError if KEY VALUE pairs ask for other areas than an evaluation measured."""
    for key in opts[::2]:
        name = CONFIG_KEYS.get(key, "")
        if name not in MEASURE or (name == "pixels_per_mm" and measured.area_unit != "mm2"):
            continue
        if getattr(asked, name) != getattr(measured, name):
            raise ValueError(
                f"{key} is {getattr(asked, name)!r}, but the areas of the evaluation were measured "
                f"with {getattr(measured, name)!r}; evaluate again, or leave the key out"
            )


def refuse_test_set(dataset: str) -> None:
    """Raise ValueError if a dataset is for testing, by its name."""
    if re.search(r"(^|_)test$", Path(dataset).name.lower()):
        raise ValueError(
            f"dataset {dataset!r} is a test set: its metrics would no longer tell what to expect "
            "once thresholds are chosen on it; calibrate on a validation set (--dataset ..._val)"
        )
