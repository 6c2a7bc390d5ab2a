"""Which files to inspect."""

import glob
from collections.abc import Sequence
from pathlib import Path

from scratch_d2.data.images import is_image_name


def find_images(inputs: Sequence[str]) -> list[Path]:
    """Return the image files that folders, files and glob patterns name, sorted, each once.

    A folder stands for the images directly in it; a file counts whatever its name.

    Raises FileNotFoundError for an input that names nothing.
    """
    found: dict[Path, None] = {}
    for text in inputs:
        path = Path(text)
        if path.is_dir():
            paths = sorted(child for child in path.iterdir() if is_image_name(child))
            if not paths:
                inside = ", ".join(sorted(c.name for c in path.iterdir() if c.is_dir()))
                hint = f"; its subfolders are {inside}: name them" if inside else ""
                raise FileNotFoundError(f"input folder {text!r} holds no image{hint}")
        elif path.is_file():
            paths = [path]
        else:
            matches = (Path(match) for match in glob.glob(text, recursive=True))
            paths = sorted(p for p in matches if p.is_file() and is_image_name(p))
            if not paths:
                raise FileNotFoundError(f"input {text!r}: no such file or folder, no match")
        found.update(dict.fromkeys(paths))
    return list(found)
