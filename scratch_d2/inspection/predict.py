"""Inspect files in stages that work side by side, and write every output as it comes."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from scratch_d2.data.images import try_read
from scratch_d2.inspection.inputs import Source, in_batches
from scratch_d2.inspection.inspector import Inspection, Inspector
from scratch_d2.inspection.pictures import Pictures
from scratch_d2.inspection.pipeline import Stage, run_stages
from scratch_d2.inspection.results import open_results, read_taken, skip_done
from scratch_d2.inspection.rows import Row, RowFile, error_row, ok_row, write_derived
from scratch_d2.inspection.stopwatch import Stopwatch
from scratch_d2.inspection.watch import Watch

READERS = WRITERS = 2


@dataclass(frozen=True)
class Options:
    """How a run goes about its work.

    Attributes:
        batch_size: images that are read, scored by the gate and written together.
        workers: batches that are inspected at a time.
        pictures: which overlays and masks are saved.
        resume: keep the rows that are there and inspect the other files.
        overwrite: replace former results.
    """

    batch_size: int = 8
    workers: int = 1
    pictures: Pictures = Pictures()
    resume: bool = False
    overwrite: bool = False

    def __post_init__(self) -> None:
        for name in ("batch_size", "workers"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; accepted is 1 or more")


def predict_files(
    inspector: Inspector,
    sources: Iterable[Source],
    output: Path,
    options: Options = Options(),
    total: int | None = None,
) -> tuple[dict[str, Any], Stopwatch]:
    """Inspect files and write results.jsonl, then all that is derived from it.

    Rows come in the order of the sources, batch by batch, each batch synced to the disk after its
    pictures. Killed at any point and resumed, a run ends with the bytes of an unbroken one.

    Args:
        output: receives results.jsonl, results.csv, coco_instances_results.json, summary.json,
            settings.json, overlays/ and masks/.
        total: how many sources there are, for the progress bar.

    Returns the summary, and how long the stages took. Raises what `open_results` raises, and
    OSError where results cannot be written.
    """
    settings = _settings(inspector, options)
    with open_results(output, settings, options.resume, options.overwrite) as rows:
        done, left = skip_done(rows, sources, options.batch_size)
        line = Line(inspector, output, options, Stopwatch())
        with tqdm(total=total, initial=done, unit="image", disable=None) as bar:
            try:
                line.run(in_batches(left, options.batch_size), rows, done, bar)
            except KeyboardInterrupt:
                raise KeyboardInterrupt(
                    f"the {done + line.stopwatch.images} rows in {rows.path} are whole, --resume "
                    "goes on behind them"
                ) from None
        return write_derived(rows, output, settings), line.stopwatch


def predict_watched(
    inspector: Inspector,
    watch: Watch,
    output: Path,
    options: Options = Options(),
) -> tuple[dict[str, Any], Stopwatch]:
    """Inspect the files that come into a folder until the watch is stopped, each exactly once.

    Otherwise as `predict_files`; rows are appended within moments, the files derived from them
    come at the end.
    """
    settings = _settings(inspector, options)
    with open_results(output, settings, options.resume, options.overwrite) as rows:
        done, taken = read_taken(rows)
        line = Line(inspector, output, options, Stopwatch())
        with tqdm(initial=done, unit="image", disable=None) as bar:
            line.run(watch.batches(taken, options.batch_size), rows, done, bar)
        return write_derived(rows, output, settings), line.stopwatch


def _settings(inspector: Inspector, options: Options) -> dict[str, Any]:
    """Return all that the bytes of the results depend on."""
    return {
        **inspector.metadata,
        **asdict(inspector.thresholds),
        "review_band": list(inspector.thresholds.review_band or []),
        "white_level": inspector.white_level,
        "batch_size": options.batch_size,
        "pictures": str(options.pictures),
    }


@dataclass
class Item:
    """A file on its way through the stages."""

    image_id: int
    source: Source
    image: np.ndarray | None = None
    inspection: Inspection | None = None
    error: str = ""
    note: str = ""


@dataclass(frozen=True)
class Line:
    """The stages that a batch of files passes: read, inspect, write pictures and make rows."""

    inspector: Inspector
    folder: Path
    options: Options
    stopwatch: Stopwatch

    def run(self, batches: Iterable[list[Source]], rows: RowFile, next_id: int, bar: tqdm) -> None:
        """Send batches through all stages and append their rows."""
        from scratch_d2.inspection.processors import shared_by

        def append(made: list[Row]) -> None:
            with self.stopwatch("rows"):
                rows.append(made)
            self.stopwatch.images += len(made)
            bar.update(len(made))

        workers = self.options.workers
        with shared_by(workers) as begin, self.stopwatch("all"):
            stages = [
                Stage(self.read, READERS),
                Stage(self.inspect, workers, begin),
                Stage(self.finish, WRITERS),
            ]
            run_stages(_number(batches, next_id), stages, append, ahead=2 * workers + 2)

    def read(self, batch: list[Item]) -> list[Item]:
        """Read the images of a batch; what cannot be read gets the reason."""
        with self.stopwatch("read"):
            for item in batch:
                item.image, item.error, item.note = try_read(
                    item.source.path, self.inspector.white_level
                )
        return batch

    def inspect(self, batch: list[Item]) -> list[Item]:
        """Inspect the images of a batch; one that cannot be inspected gets the reason.

        Raises what the models raise where it strikes every image of several: the fault is theirs.
        """
        readable = [item for item in batch if item.image is not None]
        try:
            self._inspect_together(readable)
        except Exception:
            for item in readable:
                self._inspect_alone(item)
            if len(readable) > 1 and all(item.error for item in readable):
                raise
        return batch

    def finish(self, batch: list[Item]) -> list[Row]:
        """Write the pictures of a batch and return its rows."""
        with self.stopwatch("pictures"):
            return [self._finish_one(item) for item in batch]

    def _inspect_together(self, items: list[Item]) -> None:
        images = [item.image for item in items]
        for item, found in zip(items, self.inspector.inspect(images, self.stopwatch)):
            item.inspection = found

    def _inspect_alone(self, item: Item) -> None:
        try:
            self._inspect_together([item])
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            item.error = f"{str(item.source.path)!r}: the models cannot inspect it ({reason})"

    def _finish_one(self, item: Item) -> Row:
        if item.inspection is None:
            return error_row(item.image_id, item.source, item.error)
        thresholds = self.inspector.thresholds
        written = self.options.pictures.save(
            self.folder, item.image_id, item.source, item.image, item.inspection, thresholds
        )
        row = ok_row(item.image_id, item.source, item.inspection, thresholds)
        noted = {"note": item.note} if item.note else {}
        return {**row, **noted, **written}


def _number(batches: Iterable[list[Source]], next_id: int) -> Iterator[list[Item]]:
    for batch in batches:
        yield [Item(image_id, source) for image_id, source in enumerate(batch, next_id)]
        next_id += len(batch)
