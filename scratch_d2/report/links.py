"""Addresses under which a page reaches the photographs that it is about."""

import os
from pathlib import Path
from urllib.parse import quote


def link_to(file: str | Path, folder: str | Path) -> str:
    """Return the address of a file as seen by a page in a folder: relative, percent-encoded.

    A file on another drive has no relative address; its address is absolute then.
    """
    try:
        path = os.path.relpath(file, folder)
    except ValueError:
        return Path(os.path.abspath(file)).as_uri()
    return quote(os.fsencode(Path(path).as_posix()))
