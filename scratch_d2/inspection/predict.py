"""Inspect files in parallel stages, and write results as they come."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from scratch_d2.inspection.cluster import ClusterPipeline
from scratch_d2.inspection.crew import Crew
from scratch_d2.inspection.inputs import InputFile, in_batches
from scratch_d2.inspection.inspector import Inspector
from scratch_d2.inspection.jobs import Deliver, PredictionPipeline
from scratch_d2.inspection.options import DEFAULT_OPTIONS, Options
from scratch_d2.inspection.pictures import into
from scratch_d2.inspection.results import open_results, read_taken, skip_done
from scratch_d2.inspection.rows import Row, RowFile, write_derived, writing
from scratch_d2.inspection.settings import run_settings
from scratch_d2.inspection.shards import ShardFiles
from scratch_d2.inspection.stopwatch import Stopwatch
from scratch_d2.inspection.table import ResultsTable
from scratch_d2.inspection.watch import Watch
from scratch_d2.utils.progress import Progress

__all__ = ["Options", "predict_files", "predict_on_cluster", "predict_watched"]


def predict_files(
    inspector: Inspector,
    input_files: Iterable[InputFile],
    output: Path,
    options: Options = DEFAULT_OPTIONS,
    total: int | None = None,
    deliver: Deliver | None = None,
) -> tuple[dict[str, Any], Stopwatch]:
    """Inspect files and write results.jsonl, then the files that are derived from it.

    Rows are in the order of the input files. They are written batch by batch, each batch synced to
    the disk after its pictures, and added to results.csv. A run that is killed and resumed writes
    the same bytes as an uninterrupted one, but for the timestamps.

    Args:
        output: receives results.jsonl, results.csv, coco_instances_results.json, summary.json,
            settings.json, overlays/ and masks/.
        input_files: in order; of a shard, all files of the run.
        total: number of input files, for the progress.
        deliver: called with the rows of each batch, after they are on the disk.

    Returns the summary and the times of the stages. Raises what `open_results` raises, and OSError
    if results cannot be written.
    """
    pipeline = PredictionPipeline(inspector, into(output), options, Stopwatch())
    settings = run_settings(inspector, options)
    return _predict(pipeline, settings, input_files, output, options, total, deliver)


def predict_on_cluster(
    crew: Crew,
    input_files: Iterable[InputFile],
    output: Path,
    options: Options = DEFAULT_OPTIONS,
    total: int | None = None,
    deliver: Deliver | None = None,
) -> tuple[dict[str, Any], Stopwatch]:
    """Inspect files on a crew as `predict_files` does here; the results are the same.

    Raises also what `Crew.begin` and `Crew.run` raise.
    """
    settings = crew.begin()
    pipeline = ClusterPipeline(crew, output, Stopwatch())
    return _predict(pipeline, settings, input_files, output, options, total, deliver)


def _predict(
    pipeline: PredictionPipeline | ClusterPipeline,
    settings: dict[str, Any],
    input_files: Iterable[InputFile],
    output: Path,
    options: Options,
    total: int | None,
    deliver: Deliver | None,
) -> tuple[dict[str, Any], Stopwatch]:
    shard = options.shard
    part = ShardFiles(input_files, shard, options.batch_size) if shard else None
    if shard and total is not None:
        total = len(shard.image_ids(total, options.batch_size))
    with open_results(output, settings, options.resume, options.overwrite) as rows:
        following, left = skip_done(rows, part or input_files, options.batch_size, bool(part))
        done = rows.count()
        table = _begin_table(rows, output)
        with Progress("inspecting", total, done=done) as progress:

            def take(batch: list[Row]) -> None:
                table.append(batch)
                progress.update(len(batch))
                if deliver is not None:
                    deliver(batch)

            try:
                pipeline.run(in_batches(left, options.batch_size), rows, following, take)
            except KeyboardInterrupt:
                raise KeyboardInterrupt(
                    f"the {done + pipeline.stopwatch.images} rows in {rows.path} are complete, "
                    "--resume continues after them"
                ) from None
        inputs = part.describe() if part else None
        return _finish(rows, table, output, settings, inputs), pipeline.stopwatch


def predict_watched(
    inspector: Inspector,
    watch: Watch,
    output: Path,
    options: Options = DEFAULT_OPTIONS,
    deliver: Deliver | None = None,
    begin: Callable[[], None] | None = None,
) -> tuple[dict[str, Any], Stopwatch]:
    """Inspect each file that arrives in a folder once, until the watch is stopped.

    Rows are appended within moments, to results.csv as well; the other files derived from them are
    written at the end. Otherwise as `predict_files`.

    Args:
        begin: called once when the watch begins.
    """
    settings = run_settings(inspector, options)
    with open_results(output, settings, options.resume, options.overwrite) as rows:
        done, taken = read_taken(rows)
        table = _begin_table(rows, output)
        if begin is not None:
            begin()

        def take(batch: list[Row]) -> None:
            table.append(batch)
            if deliver is not None:
                deliver(batch)

        pipeline = PredictionPipeline(inspector, into(output), options, Stopwatch())
        pipeline.run(watch.batches(taken, options.batch_size), rows, done, take)
        return _finish(rows, table, output, settings), pipeline.stopwatch


def _begin_table(rows: RowFile, output: Path) -> ResultsTable:
    table = ResultsTable(output / "results.csv")
    with writing(table.path):
        table.rewrite(rows)
    return table


def _finish(
    rows: RowFile,
    table: ResultsTable,
    output: Path,
    settings: dict[str, Any],
    inputs: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Write all files that are derived from the rows; return the summary."""
    with writing(table.path):
        table.rewrite(rows)
    return write_derived(rows, output, settings, inputs)
