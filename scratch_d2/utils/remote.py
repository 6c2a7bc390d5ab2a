"""Files at addresses such as s3://bucket/photographs, which fsspec lists, reads and writes."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scratch_d2.utils.image_names import is_image_name

SEPARATOR = "://"


@dataclass(frozen=True)
class RemotePath:
    """The address of a file, which `str` gives back unchanged."""

    address: str

    def __str__(self) -> str:
        return self.address

    @property
    def stem(self) -> str:
        """The last part of the address without its suffix."""
        return posixpath.splitext(posixpath.basename(self.address))[0]


AnyPath = Path | RemotePath


def to_path(text: str) -> AnyPath:
    """Return a local path, or the remote one if the text is an address."""
    return RemotePath(text) if SEPARATOR in text else Path(text)


def list_images(address: str) -> list[RemotePath]:
    """Return the image at an address, or all images below it, sorted by name.

    Raises FileNotFoundError if there is none, OSError or ValueError naming an address that cannot
    be opened, ImportError naming the package that is missing.
    """
    system, root = open_system(address)
    try:
        names = [root] if system.isfile(root) else sorted(system.find(root))
    except Exception as error:  # each storage has errors of its own
        reason = " ".join(str(error).split())
        raise OSError(f"input {address!r} cannot be listed ({reason})") from None
    images = [name for name in names if name == root or is_image_name(Path(name))]
    if not images:
        raise FileNotFoundError(f"input {address!r} holds no image")
    return [RemotePath(system.unstrip_protocol(name)) for name in images]


def read_bytes(path: RemotePath, limit: int) -> bytes:
    """Return the content of a remote file.

    Raises OSError naming the file if it cannot be read or has more than `limit` bytes.
    """
    try:
        system, name = open_system(path.address)
        with system.open(name, "rb") as file:
            content: bytes = file.read(limit + 1)
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise OSError(f"{str(path)!r}: cannot be read ({reason})") from None
    if len(content) > limit:
        raise OSError(f"{str(path)!r}: more than {limit} bytes; accepted are {limit}")
    return content


def open_system(address: str) -> tuple[Any, str]:
    """Return the file system of fsspec for an address or a local path, and the path there.

    Raises ImportError or ValueError naming the address if it cannot be opened.
    """
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise ImportError(f"{address!r} needs fsspec: pip install 'scratch_d2[ray]'") from None
    try:
        system, root = url_to_fs(address)
    except (ImportError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise type(error)(f"address {address!r} cannot be opened: {reason}") from None
    return system, str(root)
