"""Join results in parts into the results folder of one run."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scratch_d2.inspection.merging import PICTURES
from scratch_d2.inspection.parts import ROWS, PartName, PartStore
from scratch_d2.inspection.pictures import into
from scratch_d2.inspection.results import open_results
from scratch_d2.inspection.rows import Row, RowFile, write_derived, writing
from scratch_d2.inspection.table import ResultsTable
from scratch_d2.structures.run_record import RAN_IN, SUMMARY
from scratch_d2.utils.progress import Progress
from scratch_d2.utils.remote import SEPARATOR

ADVICE = "merge again with --overwrite; the parts are unchanged"


def holds_parts(place: str) -> bool:
    """Whether a place is an address, or a folder with results in parts."""
    return SEPARATOR in place or (Path(place) / ROWS).is_dir()


def merge_parts(source: str, output: Path, overwrite: bool = False) -> dict[str, Any]:
    """Write the results folder that one run without parts would have written.

    Args:
        source: a folder or an address with the results of `predict_in_parts`.

    Returns the summary. Raises FileNotFoundError or ValueError naming parts that are missing,
    OSError naming what cannot be read or written, and as `open_results`.
    """
    store = PartStore(source)
    images, ran_in = _read_summary(store)
    names = store.names()
    _check_complete(store, names)
    settings = {**(store.read_settings() or {}), "format": "jsonl"}
    settings.pop("part_size", None)
    try:
        with open_results(output, settings, overwrite=overwrite) as rows:
            _copy(store, names, rows, output, images)
            table = ResultsTable(output / "results.csv")
            with writing(table.path, ADVICE):
                table.rewrite(rows)
            return write_derived(rows, output, settings, advice=ADVICE, ran_in=ran_in)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(ADVICE) from None


def _read_summary(store: PartStore) -> tuple[int, str | None]:
    """Return the number of images, and the folder that their names are relative to."""
    try:
        summary = json.loads(store.read(SUMMARY))
        return int(summary["images"]), summary.get(RAN_IN)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"results {str(store)!r} have no {SUMMARY}, as a run that is not finished; complete it "
            "with --resume"
        ) from None
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"results {str(store)!r}: {SUMMARY} cannot be read ({error})") from None


def _check_complete(store: PartStore, names: Sequence[PartName]) -> None:
    for number, name in enumerate(names):
        if name.number != number:
            raise FileNotFoundError(
                f"results {str(store)!r} lack part {number}; complete them with --resume"
            )


def _copy(
    store: PartStore, names: Sequence[PartName], rows: RowFile, output: Path, images: int
) -> None:
    write, following = into(output), 0
    with Progress("merging", images) as progress:
        for part_name in names:
            part = store.read_part(part_name)
            for place, row in enumerate(part, following):
                if row["image_id"] != place:
                    raise ValueError(
                        f"results {str(store)!r}: {part_name} has image_id {row['image_id']} "
                        f"instead of {place}; remove it, and complete the results with --resume"
                    )
            following += len(part)
            for name in _pictures_of(part):
                write(name, store.read(name))
            rows.append(part)
            progress.update(len(part))
    if following != images:
        raise ValueError(
            f"results {str(store)!r} have {following} rows, {SUMMARY} says {images}; complete them "
            "with --resume"
        )


def _pictures_of(rows: Sequence[Row]) -> list[str]:
    """Return the places of overlays and masks in the results, whatever folders the rows name."""
    return [
        f"{folder}/{Path(row[key]).name}"
        for row in rows
        for key, folder in PICTURES.items()
        if key in row
    ]
