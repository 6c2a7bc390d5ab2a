"""Plan a dataset of Good photographs and scratched copies: what is made of which, and names."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from scratch_d2.data.probe import probe_files
from scratch_d2.utils.image_names import is_image_name


class Copy(NamedTuple):
    """What is made of one photograph: its copy in good/, or a scratched one in bad/."""

    photograph: Path
    name: str
    bad: bool

    def files(self) -> list[str]:
        """Return the files it takes, relative to the dataset's folder."""
        return [f"bad/{self.name}", f"masks/{self.name}"] if self.bad else [f"good/{self.name}"]


def _good_folder(folder: Path) -> Path:
    if not folder.is_dir():
        raise FileNotFoundError(
            f"from-good {str(folder)!r}: no such folder; accepted are a folder of Good "
            "photographs, or one with good/ in it"
        )
    named = sorted(child for child in folder.iterdir() if child.name.lower() == "good")
    return next((child for child in named if child.is_dir()), folder)


def find_photographs(folder: str | Path) -> tuple[list[Path], dict[Path, str]]:
    """Find Good photographs in a folder, or in the good/ of a dataset's folder.

    Returns:
        Those that can be read, sorted by name, and the others with the reason.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: nothing in it can be read.
    """
    folder = _good_folder(Path(folder))
    paths = sorted(path for path in folder.iterdir() if is_image_name(path) and path.is_file())
    facts = probe_files(folder, paths, [], 0)
    unreadable = {path: facts[path].error for path in paths if facts[path].error}
    readable = [path for path in paths if path not in unreadable]
    if not readable:
        first = f": {next(iter(unreadable.values()))}" if unreadable else ""
        raise ValueError(
            f"from-good {str(folder)!r}: no readable photograph among {len(paths)} image files"
            f"{first}"
        )
    return readable, unreadable


def plan_copies(photographs: list[Path], count: int, seed: int) -> list[Copy]:
    """Plan one copy of each photograph in good/, and `count` scratched ones in bad/.

    The scratched ones are dealt evenly, in an order drawn from `seed`, and named
    `<stem>.scratch<number>.png`, numbers from 0 on.
    """
    copies = [Copy(path, path.name, bad=False) for path in photographs]
    order = np.random.default_rng([seed, 2]).permutation(len(photographs))
    taken = {path.stem for path in photographs}
    numbers: Counter[str] = Counter()
    for index in range(count):
        path = photographs[order[index % len(order)]]
        stem = path.stem
        while stem in taken:  # other photographs, a.jpg beside a.png, may have the same stem
            stem = f"{path.stem}.scratch{numbers[path.stem]}"
            numbers[path.stem] += 1
        taken.add(stem)
        copies.append(Copy(path, f"{stem}.png", bad=True))
    return copies
