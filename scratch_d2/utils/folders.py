"""Walk through folders of photographs: links are followed once, nothing is left out in silence."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from scratch_d2.utils.counting import count_of
from scratch_d2.utils.image_names import is_image_name

Choose = Callable[[Sequence[str], Sequence[str]], Sequence[str]]


def all_folders(folders: Sequence[str], files: Sequence[str]) -> Sequence[str]:
    """Choose all subfolders."""
    return folders


def walk_images(
    top: str | Path,
    choose: Choose = all_folders,
    left_out: list[Path] | None = None,
    closed: Iterable[Path] = (),
) -> Iterator[Path]:
    """Yield what is named like a photograph in a folder and its subfolders.

    Files come in order of their names, then folder by folder, linked folders last. Each folder is
    walked once, however many links lead to it. What is hidden is left out. A folder that cannot be
    entered is yielded itself: who reads it gets the reason.

    Args:
        choose: returns into which subfolders to go, and in which order, by the sorted names of
            folders and the names of files in one.
        left_out: receives the other files, for `describe_left_out`.
        closed: folders that are not entered through links.
    """
    starts = [Path(top)]
    seen = {_identity(folder) for folder in closed} - {_identity(top)}
    denied: list[Path] = []
    while starts:
        for where, folders, files in os.walk(
            starts.pop(0), onerror=lambda error: denied.append(Path(error.filename))
        ):
            if _identity(where) in seen:
                folders.clear()
                continue
            seen.add(_identity(where))
            folders[:] = [n for n in choose(sorted(folders), files) if not n.startswith(".")]
            starts += [Path(where, n) for n in folders if os.path.islink(os.path.join(where, n))]
            for name in sorted(files):
                path = Path(where, name)
                if is_image_name(path):
                    yield path
                elif left_out is not None and not name.startswith("."):
                    left_out.append(path)
        yield from denied
        denied.clear()


def _identity(folder: str | Path) -> tuple[int, int] | str:
    try:
        state = os.stat(folder)
    except OSError:  # gone meanwhile
        return str(folder)
    return state.st_dev, state.st_ino


def describe_left_out(folder: str | Path, paths: Sequence[Path]) -> str:
    """Return a sentence on the files of a folder that are no photographs, "" without any."""
    if not paths:
        return ""
    kinds = Counter(path.suffix.lower() or "no suffix" for path in paths)
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    files = count_of(len(paths), "file is", "files are")
    return f"{folder}: {files} not used ({counts}), like {paths[0].name}"
