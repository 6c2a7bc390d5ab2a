"""Inspect files in parallel stages, and write results as they come."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from scratch_d2.data.images import try_read
from scratch_d2.inspection.inputs import InputFile, in_batches
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
    """Options of a prediction run.

    Attributes:
        batch_size: images that are read, scored by the gate and written together.
        workers: batches that are inspected at the same time.
        pictures: which overlays and masks are saved.
        resume: keep existing rows and inspect the remaining files.
        overwrite: replace existing results.

    Raises ValueError naming a number below 1.
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
    input_files: Iterable[InputFile],
    output: Path,
    options: Options = Options(),
    total: int | None = None,
) -> tuple[dict[str, Any], Stopwatch]:
    """Inspect files and write results.jsonl, then the files that are derived from it.

    Rows are in the order of the input files. They are written batch by batch, each batch synced to
    the disk after its pictures. A run that is killed and resumed writes the same bytes as an
    uninterrupted one.

    Args:
        output: receives results.jsonl, results.csv, coco_instances_results.json, summary.json,
            settings.json, overlays/ and masks/.
        total: number of input files, for the progress bar.

    Returns the summary and the times of the stages. Raises what `open_results` raises, and OSError
    if results cannot be written.
    """
    settings = _settings(inspector, options)
    with open_results(output, settings, options.resume, options.overwrite) as rows:
        done, left = skip_done(rows, input_files, options.batch_size)
        pipeline = PredictionPipeline(inspector, output, options, Stopwatch())
        with tqdm(total=total, initial=done, unit="image", disable=None) as bar:
            try:
                pipeline.run(in_batches(left, options.batch_size), rows, done, bar)
            except KeyboardInterrupt:
                raise KeyboardInterrupt(
                    f"the {done + pipeline.stopwatch.images} rows in {rows.path} are complete, "
                    "--resume continues after them"
                ) from None
        return write_derived(rows, output, settings), pipeline.stopwatch


def predict_watched(
    inspector: Inspector,
    watch: Watch,
    output: Path,
    options: Options = Options(),
) -> tuple[dict[str, Any], Stopwatch]:
    """Inspect each file that arrives in a folder once, until the watch is stopped.

    Rows are appended within moments; the files derived from them are written at the end. Otherwise
    as `predict_files`.
    """
    settings = _settings(inspector, options)
    with open_results(output, settings, options.resume, options.overwrite) as rows:
        done, taken = read_taken(rows)
        pipeline = PredictionPipeline(inspector, output, options, Stopwatch())
        with tqdm(initial=done, unit="image", disable=None) as bar:
            pipeline.run(watch.batches(taken, options.batch_size), rows, done, bar)
        return write_derived(rows, output, settings), pipeline.stopwatch


def _settings(inspector: Inspector, options: Options) -> dict[str, Any]:
    """Return everything that determines the bytes of the results."""
    return {
        **inspector.metadata,
        **asdict(inspector.thresholds),
        "review_band": list(inspector.thresholds.review_band or []),
        "white_level": inspector.white_level,
        "image_check": inspector.image_check is not None,
        "batch_size": options.batch_size,
        "pictures": str(options.pictures),
    }


@dataclass
class ImageJob:
    """One file in the pipeline, with what the stages have added to it."""

    image_id: int
    input_file: InputFile
    image: np.ndarray | None = None
    inspection: Inspection | None = None
    error: str = ""
    note: str = ""


@dataclass(frozen=True)
class PredictionPipeline:
    """The stages of a prediction: read, inspect, write outputs."""

    inspector: Inspector
    folder: Path
    options: Options
    stopwatch: Stopwatch

    def run(
        self, batches: Iterable[list[InputFile]], rows: RowFile, next_id: int, bar: tqdm
    ) -> None:
        """Run batches through all stages and append their rows."""
        from scratch_d2.inspection.processors import shared_by

        def append(batch: list[Row]) -> None:
            with self.stopwatch("rows"):
                rows.append(batch)
            self.stopwatch.images += len(batch)
            bar.update(len(batch))

        workers = self.options.workers
        with shared_by(workers) as begin, self.stopwatch("all"):
            stages = [
                Stage(self.read, READERS),
                Stage(self.inspect, workers, begin),
                Stage(self.write_outputs, WRITERS),
            ]
            run_stages(_make_jobs(batches, next_id), stages, append, ahead=2 * workers + 2)

    def read(self, batch: list[ImageJob]) -> list[ImageJob]:
        """Read the images of a batch; a file that cannot be read gets an error."""
        with self.stopwatch("read"):
            for job in batch:
                job.image, job.error, job.note = try_read(
                    job.input_file.path, self.inspector.white_level
                )
        return batch

    def inspect(self, batch: list[ImageJob]) -> list[ImageJob]:
        """Inspect the images of a batch; an image that cannot be inspected gets an error.

        Raises what the models raise if they fail on every one of several images.
        """
        readable = [job for job in batch if job.image is not None]
        try:
            self._inspect_together(readable)
        except Exception:
            for job in readable:
                self._inspect_alone(job)
            if len(readable) > 1 and all(job.error for job in readable):
                raise
        return batch

    def write_outputs(self, batch: list[ImageJob]) -> list[Row]:
        """Write the pictures of a batch and return its rows."""
        with self.stopwatch("pictures"):
            return [self._write_one(job) for job in batch]

    def _inspect_together(self, jobs: list[ImageJob]) -> None:
        images = [job.image for job in jobs if job.image is not None]
        for job, inspection in zip(jobs, self.inspector.inspect(images, self.stopwatch)):
            job.inspection = inspection

    def _inspect_alone(self, job: ImageJob) -> None:
        try:
            self._inspect_together([job])
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            job.error = f"{str(job.input_file.path)!r}: the models cannot inspect it ({reason})"

    def _write_one(self, job: ImageJob) -> Row:
        if job.image is None or job.inspection is None:
            return error_row(job.image_id, job.input_file, job.error)
        thresholds = self.inspector.thresholds
        written = self.options.pictures.save(
            self.folder, job.image_id, job.input_file, job.image, job.inspection, thresholds
        )
        row = ok_row(job.image_id, job.input_file, job.inspection, thresholds)
        noted = {"note": job.note} if job.note else {}
        return {**row, **noted, **written}


def _make_jobs(batches: Iterable[list[InputFile]], next_id: int) -> Iterator[list[ImageJob]]:
    for batch in batches:
        yield [ImageJob(image_id, input_file) for image_id, input_file in enumerate(batch, next_id)]
        next_id += len(batch)
