"""Gate, then detector, then area rule, for a batch of images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

import numpy as np
from fvcore.common.config import CfgNode

from scratch_d2.bundles.loading import load_bundle
from scratch_d2.bundles.runtimes import Runtime
from scratch_d2.checkpoints.bundle import ModelBundle, resolve_bundle
from scratch_d2.config import load_config
from scratch_d2.engines import get_engine
from scratch_d2.engines.base import Detector, Engine
from scratch_d2.gate.doubts import find_doubts
from scratch_d2.gate.image_check import ImageCheck
from scratch_d2.gate.loading import GateScorer, familiarity_of, image_check_of, score_images
from scratch_d2.inspection.margins import (
    MARGINS,
    Margins,
    distance_is_close,
    gate_is_close,
    verdict_is_close,
)
from scratch_d2.inspection.models import Models, load_models
from scratch_d2.inspection.result import Inspection
from scratch_d2.inspection.sources import Image, is_image, path_of, to_rgb
from scratch_d2.inspection.stopwatch import Stopwatch
from scratch_d2.structures.images import check_rgb
from scratch_d2.structures.prediction import Prediction
from scratch_d2.structures.scaling import check_scaling
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.structures.verdict import judge, needs_detector, not_judged
from scratch_d2.utils.bundled import PRETRAINED, reference_weights

GPU_BATCH = 8


class Inspector:
    """Inspect images; holds no state between calls, so that several threads may share one.

    Attributes:
        thresholds: what turns scores into verdicts.
        metadata: what it was made of, as prediction writes it into settings.json.
        runtime: what runs the models and why; None if that is not known.

    >>> def find_nothing(images):
    ...     return [Prediction.empty(*image.shape[:2]) for image in images]
    >>> inspector = Inspector(None, find_nothing, Thresholds())
    >>> inspector(np.full((90, 300, 3), 255, np.uint8)).label
    'good'
    """

    def __init__(
        self,
        gate: GateScorer | None,
        detector: Detector,
        thresholds: Thresholds,
        exact: Models | None = None,
        margins: Margins = MARGINS["bfloat16"],
        detector_batch: int = 1,
        metadata: dict[str, object] | None = None,
        white_level: float = 0.0,
        image_check: ImageCheck | None = None,
        runtime: Runtime | None = None,
    ) -> None:
        """Put an inspector together.

        Args:
            gate: returns p(Bad) in 0..1 as [N] for a list of N images; None has every image seen
                by the detector.
            detector: an `Engine.load`ed one, or any callable of that contract.
            exact: the same models as they were trained, asked again if the faster ones come
                close to another decision; None trusts the first answer.
            margins: how close a score must be to a threshold for that.
            detector_batch: images that the detector is given at a time. Several keep a GPU busy;
                on a processor they cost memory and are slower than one by one.
            white_level: level that is white in files of more than 8 bits, as SCRATCH.WHITE_LEVEL;
                0 finds it for each.
            image_check: says which images cannot be judged and are for review; None judges all.
            runtime: what runs the models and why.

        Raises ValueError if areas are to be scaled by scores of a gate and there is none.
        """
        check_scaling(thresholds, gate is not None)
        self.models, self.thresholds = Models(gate, detector), thresholds
        self.exact, self.margins = exact, margins
        self.detector_batch, self.metadata = detector_batch, dict(metadata or {})
        self.white_level, self.image_check = white_level, image_check
        self.runtime = runtime

    @classmethod
    def from_pretrained(
        cls, opts: Sequence[Any] = (), engine: str | None = None, threads: int = 0
    ) -> Inspector:
        """Load the reference models that come with the package, with their thresholds.

        Args and errors are those of `load`.
        """
        return cls.load(PRETRAINED, [*reference_weights(), *opts], engine, threads)

    @classmethod
    def load(
        cls,
        config_file: str | Path,
        opts: Sequence[Any] = (),
        engine: str | None = None,
        threads: int = 0,
    ) -> Inspector:
        """Load gate, detector and thresholds as scratch-d2 predict does.

        Args:
            config_file: a config of this package, or the config.yaml of a training's OUTPUT_DIR.
            opts: KEY VALUE pairs over it, such as ["GATE.WEIGHTS", "output/gate/model_best.pth"].
            engine: "auto", "d2" or "embedded"; None takes SCRATCH.ENGINE.
            threads: processors for one call of a model in a runtime other than torch (see
                SCRATCH.RUNTIME); 0 takes all. Give 1 if several threads share the inspector.

        Raises FileNotFoundError or ValueError naming the file or key.
        """
        cfg = load_config(config_file, opts)
        return cls.from_config(cfg, get_engine(engine or cfg.SCRATCH.ENGINE), opts, threads)

    @classmethod
    def from_config(
        cls, cfg: CfgNode, engine: Engine, opts: Sequence[Any] = (), threads: int = 0
    ) -> Inspector:
        """Load what a config names; `opts`, merged into it, override saved thresholds."""
        return cls.from_bundle(resolve_bundle(cfg, opts), cfg, engine, threads)

    @classmethod
    def from_bundle(
        cls, bundle: ModelBundle, cfg: CfgNode, engine: Engine, threads: int = 0
    ) -> Inspector:
        """Load the models of a bundle; args and errors are those of `load_models`."""
        device, exact, fast, precision, runtime = load_models(bundle, cfg, engine, threads)
        metadata: dict[str, object] = {
            "engine": engine.name,
            "device": str(device),
            "precision": precision,
            "runtime": runtime.name,
            "weights": str(bundle.detector),
            "gate_weights": str(bundle.gate) if bundle.gate else None,
            "calibrated_on": bundle.calibrated_on,
            "model_id": bundle.model_id(),
        }
        return cls(
            *(fast or exact),
            bundle.thresholds,
            exact=exact if fast else None,
            margins=MARGINS[precision if fast else "float32"],
            detector_batch=GPU_BATCH if device.type == "cuda" else 1,
            metadata=metadata,
            white_level=cfg.SCRATCH.WHITE_LEVEL,
            image_check=image_check_of(exact.gate) if cfg.GATE.CHECK_IMAGES else None,
            runtime=runtime,
        )

    @classmethod
    def load_bundle(
        cls, folder: str | Path, opts: Sequence[str] = (), runtime: str = "auto", threads: int = 0
    ) -> Inspector:
        """Load what scratch-d2 export wrote; it runs without torch.

        Args and errors are those of `scratch_d2.bundles.loading.load_bundle`.
        """
        bundle = load_bundle(folder, opts, runtime, threads)
        return cls(
            bundle.gate,
            bundle.detector,
            bundle.thresholds,
            metadata=bundle.metadata,
            white_level=bundle.manifest.white_level,
            image_check=image_check_of(bundle.gate) if bundle.manifest.check_images else None,
            runtime=Runtime(bundle.runtime, "they were exported"),
        )

    @overload
    def __call__(self, source: Image) -> Inspection: ...  # type: ignore[overload-overlap]

    @overload
    def __call__(self, source: Sequence[Image]) -> list[Inspection]: ...

    @overload
    def __call__(self, source: Iterator[Image]) -> Iterator[Inspection]: ...

    def __call__(
        self, source: Image | Sequence[Image] | Iterator[Image]
    ) -> Inspection | list[Inspection] | Iterator[Inspection]:
        """Inspect one image, several, or the frames of an iterator as they come.

        Args:
            source: a path, an array HxWx3 (RGB) or HxW (grey) of uint8, a PIL image; a list or
                tuple of these; or an iterator of them, which is read frame by frame.

        Returns one `Inspection`, a list in the same order, or an iterator of them.
        Raises FileNotFoundError or ImageError naming a file that cannot be read, ValueError for an
        array of another kind, TypeError for anything else.
        """
        if is_image(source):
            return self._inspect_all([source])[0]
        if isinstance(source, Iterator):
            return (self._inspect_all([frame])[0] for frame in source)
        is_tensor = getattr(source, "ndim", 1) > 1  # its rows are no images
        if is_tensor or isinstance(source, bytes) or not isinstance(source, Iterable):
            raise TypeError(
                f"no image: {type(source).__name__}; accepted are a path, an array HxWx3 or HxW of "
                "uint8, a PIL image, and a list or an iterator of them"
            )
        return self._inspect_all(list(source))

    def _inspect_all(self, sources: Sequence[Image]) -> list[Inspection]:
        results = self.inspect([to_rgb(source, self.white_level) for source in sources])
        return [replace(r, path=path_of(source)) for r, source in zip(results, sources)]

    def inspect(
        self, images: Sequence[np.ndarray], stopwatch: Stopwatch | None = None
    ) -> list[Inspection]:
        """Inspect images, each HxWx3 uint8 RGB, 0..255, of any sizes; the order is kept.

        Args:
            stopwatch: adds up what gate and detector take, in seconds.

        Raises ValueError for an array of another kind.
        """
        images, stopwatch = list(images), stopwatch or Stopwatch()
        for image in images:
            check_rgb(image)
        with stopwatch("gate"):
            p_bad, distances = self._score(images)
            doubts: dict[int, str] = {}
            if self.image_check is not None:
                given = (images, p_bad, distances, self.thresholds)
                doubts = find_doubts(self.models.gate, self.image_check, *given)
        doubtful = [
            i for i, p in enumerate(p_bad) if i not in doubts and needs_detector(p, self.thresholds)
        ]
        with stopwatch("detector"):
            found = dict(
                zip(doubtful, self._run(self.models.detector, [images[i] for i in doubtful]))
            )
            self._ask_again(images, found, p_bad)
        results = []
        for index, image in enumerate(images):
            prediction = found.get(index)
            if index in doubts:
                verdict = not_judged(doubts[index], p_bad[index])
            else:
                verdict = judge(prediction, p_bad[index], self.thresholds)
            prediction = prediction or Prediction.empty(*image.shape[:2])
            results.append(Inspection(verdict, prediction, self.thresholds, image))
        return results

    def _score(self, images: list[np.ndarray]) -> tuple[list[float | None], np.ndarray]:
        """Return p(Bad) of images, None without a gate, and how far they are from Good ones."""
        gate = self.models.gate
        if gate is None or not images:
            return [None] * len(images), np.zeros(len(images))
        p_bad, distances = score_images(gate, images)
        if self.exact is not None and self.exact.gate is not None:
            close = [i for i in range(len(images)) if self._is_close(p_bad[i], distances[i])]
            if close:
                again = score_images(self.exact.gate, [images[i] for i in close])
                p_bad[close], distances[close] = again
        return [float(p) for p in p_bad], distances

    def _is_close(self, p_bad: float, distance: float) -> bool:
        familiarity = familiarity_of(self.models.gate)
        return gate_is_close(float(p_bad), self.thresholds, self.margins) or (
            familiarity is not None and distance_is_close(distance, familiarity.limit, self.margins)
        )

    def _ask_again(
        self, images: list[np.ndarray], found: dict[int, Prediction], p_bad: list[float | None]
    ) -> None:
        """Replace in place what the fast models say by what the exact ones do, if it is close."""
        if self.exact is None:
            return
        near = (self.thresholds, self.margins)
        close = [
            i for i, prediction in found.items() if verdict_is_close(prediction, p_bad[i], *near)
        ]
        again = [images[i] for i in close]
        found.update(zip(close, self._run(self.exact.detector, again)))
        if again and self.exact.gate is not None and self.thresholds.area_scaling != "none":
            for index, score in zip(close, self.exact.gate(again)):
                p_bad[index] = float(score)

    def _run(self, detector: Detector, images: list[np.ndarray]) -> list[Prediction]:
        step = self.detector_batch
        batches = [images[start : start + step] for start in range(0, len(images), step)]
        return [prediction for batch in batches for prediction in detector(batch)]
