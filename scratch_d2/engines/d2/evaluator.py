"""Mask AP and Good/Bad metrics as a Detectron2 evaluator."""

import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from detectron2.config import CfgNode
from detectron2.evaluation import DatasetEvaluator
from detectron2.utils import comm
from torch import nn
from torch.utils.hooks import RemovableHandle

from scratch_d2.engines.d2.detector import to_prediction
from scratch_d2.evaluation import evaluate_predictions
from scratch_d2.evaluation.settings import EvaluationSettings
from scratch_d2.structures.prediction import Prediction

# The keys of an evaluation's results.
TASKS = ("bbox", "segm", "image", "pixel", "leak", "gate", "speed", "families", "kinds")


class ScratchEvaluator(DatasetEvaluator):
    """Evaluate a registered scratch dataset in any Detectron2 project.

    Returns `{"bbox": {...}, "segm": {...}, "image": {...}, ...}`, flat dicts of floats, on the main
    process, and {} on the others; see `scratch_d2.evaluation.evaluate_predictions`. How long
    reading and detecting took is among them if `watch` was called.
    """

    _began: float | None

    def __init__(
        self,
        cfg: CfgNode,
        dataset_name: str,
        output_dir: str | Path | None = None,
        settings: EvaluationSettings | None = None,
        tasks: Sequence[str] | None = None,
    ) -> None:
        """
        Args:
            cfg: a config with the keys of `add_scratch_config`.
            dataset_name: a name given to `register_scratch_dataset`.
            output_dir: where results and plots are written; None writes nothing.
            settings: what to evaluate by; None takes thresholds and gate from `cfg`, and
                DATASETS.TRAIN for the training images.
            tasks: which of `TASKS` to return; None returns all. Beside COCOEvaluator in
                DatasetEvaluators leave out "bbox" and "segm", which are among its keys: no two
                evaluators may return the same. Files hold all of them in any case.

        Raises ValueError for an unknown task.
        """
        unknown = sorted(set(tasks or ()) - set(TASKS))
        if unknown or isinstance(tasks, str):
            raise ValueError(
                f"tasks are {tasks!r}; accepted is a list of {', '.join(TASKS)}, or None for all"
            )
        self._tasks = TASKS if tasks is None else tuple(tasks)
        self._settings = settings or EvaluationSettings.in_training(cfg)
        self._name, self._output_dir = dataset_name, output_dir
        self.reset()

    def watch(self, model: nn.Module) -> RemovableHandle:
        """Time a model from now on; the handle's `remove` ends it."""

        def begin(*_: object) -> None:
            began = time.perf_counter()
            self._began = began
            self._seconds["read"] += began - self._ended

        return model.register_forward_pre_hook(begin)

    def reset(self) -> None:
        """Forget all predictions and times."""
        self._predictions: dict[Any, Prediction] = {}
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._began, self._ended = None, time.perf_counter()

    def process(self, inputs: list[dict[str, Any]], outputs: list[dict[str, Any]]) -> None:
        """Keep the predictions of one batch, masks as RLE."""
        for item, output in zip(inputs, outputs):
            size = item["height"], item["width"]
            self._predictions[item["image_id"]] = to_prediction(output["instances"], *size)
        self._ended = time.perf_counter()
        if self._began is not None:
            self._seconds["detector"] += self._ended - self._began

    def evaluate(self) -> dict[str, dict[str, float]]:
        """Gather the predictions of all processes and evaluate them on the main one."""
        comm.synchronize()
        gathered = comm.gather((self._predictions, self._seconds), dst=0)
        if not comm.is_main_process():
            return {}
        merged = {image_id: p for part, _ in gathered for image_id, p in part.items()}
        seconds: defaultdict[str, float] = defaultdict(float)
        for _, part in gathered:
            for stage, taken in part.items():
                seconds[stage] += taken
        results = evaluate_predictions(
            self._name, merged, self._settings, self._output_dir, seconds
        )
        return {task: values for task, values in results.items() if task in self._tasks}
