#!/usr/bin/env python3
"""Time what prediction does besides its models, step by step: processor ms per image.

    benchmarks/outside_models.py --input FOLDER [--images N]

Inspects photographs with the reference models in ONNX Runtime, keeps what its detector returns, and
then does all other work again, best of `ROUNDS` rounds in one thread.
"""

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scratch_d2.bundles.models import to_prediction
from scratch_d2.cli.common import run
from scratch_d2.gate.image_check import measure_image
from scratch_d2.gate.preprocess import Preprocessing
from scratch_d2.inspection.inputs import InputFile, find_files, read_input
from scratch_d2.inspection.inspector import Inspector
from scratch_d2.inspection.pictures import Pictures, into
from scratch_d2.inspection.result import Inspection
from scratch_d2.inspection.rows import ok_row
from scratch_d2.structures.resizing import resize, resized_shape
from scratch_d2.utils.opencv import cv2
from scratch_d2.utils.tables import format_table

ROUNDS = 8
Seen = tuple[InputFile, Inspection, list[list[Any]]]


def inspect(inspector: Inspector, files: list[InputFile]) -> list[Seen]:
    """Return for each file the inspection, and what the session of the detector returned."""
    detector: Any = inspector.models.detector
    session, returned = detector.session, list[list[Any]]()

    def keep(images: Any) -> list[Any]:
        returned.append([array.copy() for array in session(images)])
        return returned[-1]

    detector.session, seen = keep, []
    for file in files:
        returned.clear()
        inspection = inspector(str(file.path))
        seen.append((file, inspection, list(returned)))
    return seen


def work(seen: list[Seen], detector: Any, folder: Path, clock: Callable[..., Any]) -> None:
    """Do all work of a run but that of the models; `clock` calls and times."""
    gate = Preprocessing()
    for number, (file, done, returned) in enumerate(seen):
        image = clock("read and decode", read_input, file.path).pixels
        clock("letterbox", gate.letterbox, image)
        clock("image check", measure_image, image)
        size = resized_shape(image.shape[:2], detector.min_size, detector.max_size)
        for boxes, scores, masks, _ in returned:
            clock("resize for the detector", resize, image, size)
            clock("boxes and masks", to_prediction, boxes, scores, masks, size, image.shape[:2])
        inspection = Inspection(done.verdict, done.prediction, done.thresholds, image)
        known = (number, file, inspection, done.thresholds)
        save, limits = Pictures().save, done.thresholds
        clock("pictures", save, into(folder), number, file, image, inspection, limits)
        clock("row", ok_row, *known, None)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--input", required=True, metavar="FOLDER")
    parser.add_argument("--images", type=int, default=100)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    inspector = Inspector.from_pretrained(["SCRATCH.RUNTIME", "onnxruntime"], threads=1)
    files = list(find_files([args.input]))
    files = files[:: max(1, len(files) // args.images)][: args.images]
    seen = inspect(inspector, files)
    best: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("overlays", "masks"):
            (Path(folder) / name).mkdir()
        for _ in range(ROUNDS):
            spent: dict[str, float] = defaultdict(float)

            def clock(step: str, call: Callable[..., Any], *values: Any, spent: Any = spent) -> Any:
                begin = time.thread_time()
                result = call(*values)
                spent[step] += time.thread_time() - begin
                return result

            work(seen, inspector.models.detector, Path(folder), clock)
            best = {step: min(taken, best.get(step, taken)) for step, taken in spent.items()}
    rows = [[step, f"{1000 * taken / len(seen):.2f}"] for step, taken in best.items()]
    rows.append(["all", f"{1000 * sum(best.values()) / len(seen):.2f}"])
    print(format_table(rows, ["", "processor ms per image"], markdown=True))
    return 0


if __name__ == "__main__":
    run(main)
