"""Find the image of a dataset that a row of results is about, by the name of its file."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scratch_d2.utils.counting import count_of

Dicts = Sequence[Mapping[str, Any]]


def match_names(files: Sequence[str], dicts: Dicts) -> tuple[list[Any], list[str]]:
    """Return the image_id of each file, None if the dataset does not have it, and notes.

    A file is known by its name as given, then by the file that the name links to, then by its
    path below the root of the dataset, so that a folder that was copied or moved still matches.
    Of several names for one image the first counts, and a note says so.
    """
    matched: list[Any] = [None] * len(files)
    taken: set[Any] = set()
    doubles: list[str] = []
    moved: list[str] = []
    for way in (_as_it_stands, _as_linked, _below_root):
        names, by_name = way(files, dicts)
        for index, name in enumerate(names):
            image_id = by_name.get(name) if matched[index] is None else None
            if image_id is None:
                continue
            if image_id in taken:
                doubles.append(files[index])
                continue
            matched[index] = image_id
            taken.add(image_id)
            moved += [files[index]] if way is _below_root else []
    return matched, _notes(doubles, moved)


def _as_it_stands(files: Sequence[str], dicts: Dicts) -> tuple[list[str], dict[str, Any]]:
    by_name = {os.path.abspath(item["file_name"]): item["image_id"] for item in dicts}
    return [os.path.abspath(file) for file in files], by_name


def _as_linked(files: Sequence[str], dicts: Dicts) -> tuple[list[str], dict[str, Any]]:
    by_name = {os.path.realpath(item["file_name"]): item["image_id"] for item in reversed(dicts)}
    return [os.path.realpath(file) for file in files], by_name


def _below_root(files: Sequence[str], dicts: Dicts) -> tuple[list[str], dict[str, Any]]:
    """Name each file by as many of its last folders as the dataset has below its root."""
    paths = [Path(os.path.abspath(item["file_name"])) for item in dicts]
    if len(paths) < 2:
        return [], {}
    root = os.path.commonpath([path.parent for path in paths])
    short = [path.relative_to(root).as_posix() for path in paths]
    by_name = {name: item["image_id"] for name, item in zip(short, dicts, strict=True)}
    depths = sorted({name.count("/") for name in short}, reverse=True)
    names = [_longest_known(Path(file), by_name, depths) for file in files]
    count = Counter(names)
    return [name if count[name] == 1 else "" for name in names], by_name


def _longest_known(file: Path, by_name: Mapping[str, Any], depths: Sequence[int]) -> str:
    ends = ("/".join(file.parts[-depth - 1 :]) for depth in depths)
    return next((end for end in ends if end in by_name), "")


def _notes(doubles: Sequence[str], moved: Sequence[str]) -> list[str]:
    notes = []
    if doubles:
        notes.append(
            f"{count_of(len(doubles), 'result is', 'results are')} for an image under another "
            f"name, as {doubles[0]}; the "
            "first result of an image counts"
        )
    if moved:
        notes.append(
            f"{count_of(len(moved), 'result was', 'results were')} matched by the end of the path, "
            f"as {moved[0]}: the photographs are not where they were inspected"
        )
    return notes
