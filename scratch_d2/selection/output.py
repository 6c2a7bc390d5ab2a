"""The folder of a selection: the photographs, hard links if possible, and selection.csv."""

import csv
import io
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from scratch_d2.selection.candidates import Candidates
from scratch_d2.selection.choice import Choice
from scratch_d2.utils.files import prepare_output_dir, write_atomically
from scratch_d2.utils.spreadsheet import to_cell

UNLABELLED, SELECTION = "unlabelled", "selection.csv"
COLUMNS = ("rank", "file", "reason", "score", "verdict", "p_bad", "area", "source")


def refuse_selection(folder: Path) -> None:
    """Raise FileExistsError if a folder holds a selection."""
    for name in (SELECTION, UNLABELLED):
        if (folder / name).exists():
            raise FileExistsError(
                f"{str(folder / name)!r} exists: nothing is overwritten; choose another --output"
            )


def write_selection(folder: Path, candidates: Candidates, choices: Sequence[Choice]) -> Path:
    """Write unlabelled/ and then selection.csv, one row per choice; returns the path of the CSV.

    Raises OSError naming the folder, or a file that cannot be linked or copied.
    """
    prepare_output_dir(folder)
    (folder / UNLABELLED).mkdir()
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(COLUMNS)
    for rank, choice in enumerate(choices, 1):
        source = candidates.files[choice.index]
        name = _free_name(folder / UNLABELLED, source.name)
        _link_or_copy(source, folder / UNLABELLED / name)
        p_bad, area = candidates.p_bad[choice.index], candidates.area[choice.index]
        verdict, file = candidates.verdict[choice.index], f"{UNLABELLED}/{name}"
        row = [rank, file, choice.reason, choice.score, verdict, float(p_bad), float(area), source]
        writer.writerow(map(to_cell, row))
    content = table.getvalue().encode("utf-8", "replace")
    return write_atomically(content, folder / SELECTION)


def _free_name(folder: Path, name: str) -> str:
    """Return a name that no photograph of another folder has taken, such as 0001_2.png."""
    path, number = Path(name), 1
    # Trainings pair photographs by their stems, so these must differ.
    taken = {other.stem.lower() for other in folder.iterdir()}
    stem = path.stem
    while stem.lower() in taken:
        number += 1
        stem = f"{path.stem}_{number}"
    return stem + path.suffix


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source.resolve(), target)
    except OSError:  # another disk, or a file system without links
        try:
            shutil.copyfile(source, target)
        except OSError as error:
            raise OSError(f"{str(source)!r} cannot be copied to {str(target)!r}: {error}") from None
