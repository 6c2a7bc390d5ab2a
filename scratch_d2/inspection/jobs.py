"""What is done with each file of a prediction run: read, inspect, write its outputs."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from scratch_d2.inspection.inputs import InputFile, read_input
from scratch_d2.inspection.inspector import Inspection, Inspector
from scratch_d2.inspection.options import Options
from scratch_d2.inspection.pictures import WritePicture
from scratch_d2.inspection.pipeline import Stage, run_stages
from scratch_d2.inspection.rows import Row, RowFile, error_row, ok_row
from scratch_d2.inspection.stopwatch import Stopwatch
from scratch_d2.utils.remote import RemotePath

READERS = WRITERS = 2
# Called with rows that are on the disk.
Deliver = Callable[[list[Row]], None]


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
    write_picture: WritePicture
    options: Options
    stopwatch: Stopwatch

    def run(
        self, batches: Iterable[list[InputFile]], rows: RowFile, next_id: int, take: Deliver
    ) -> None:
        """Run batches through all stages, append their rows and have them taken."""
        append = partial(append_rows, rows=rows, take=take, stopwatch=self.stopwatch)
        with self.stopwatch("all"):
            self.run_jobs(make_jobs(batches, next_id), append)

    def run_jobs(
        self, batches: Iterable[list[ImageJob]], deliver: Callable[[list[Row]], None]
    ) -> None:
        """Run batches through all stages, and pass their rows on in order."""
        from scratch_d2.inspection.processors import shared_by

        workers = self.options.workers
        with shared_by(workers) as begin:
            stages = [
                Stage(self.read, READERS),
                Stage(self.inspect, workers, begin),
                Stage(self.write_outputs, WRITERS),
            ]
            run_stages(batches, stages, deliver, ahead=2 * workers + 2)

    def read(self, batch: list[ImageJob]) -> list[ImageJob]:
        """Read the images of a batch; a file that cannot be read gets an error."""
        with self.stopwatch("read"):
            if any(isinstance(job.input_file.path, RemotePath) for job in batch):
                with ThreadPoolExecutor(len(batch)) as pool:  # a storage answers late, but many
                    list(pool.map(self._read_one, batch))
            else:
                for job in batch:
                    self._read_one(job)
        return batch

    def _read_one(self, job: ImageJob) -> None:
        path, white = job.input_file.path, self.inspector.white_level
        job.image, job.error, job.note = read_input(path, white)

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

    @property
    def _model_id(self) -> str | None:
        known = self.inspector.metadata.get("model_id")
        return None if known is None else str(known)

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
            return error_row(job.image_id, job.input_file, job.error, self._model_id)
        thresholds = self.inspector.thresholds
        written = self.options.pictures.save(
            self.write_picture, job.image_id, job.input_file, job.image, job.inspection, thresholds
        )
        row = ok_row(job.image_id, job.input_file, job.inspection, thresholds, self._model_id)
        noted = {"note": job.note} if job.note else {}
        return {**row, **noted, **written}


def append_rows(batch: list[Row], rows: RowFile, take: Deliver, stopwatch: Stopwatch) -> None:
    """Append rows to the file, and have them taken when they are on the disk."""
    with stopwatch("rows"):
        rows.append(batch)
    stopwatch.images += len(batch)
    take(batch)


def make_jobs(batches: Iterable[list[InputFile]], next_id: int) -> Iterator[list[ImageJob]]:
    """Number the files of batches from `next_id`, but for those that have an image_id."""
    for batch in batches:
        yield [
            ImageJob(following if file.image_id is None else file.image_id, file)
            for following, file in enumerate(batch, next_id)
        ]
        next_id += len(batch)
