"""Which files to inspect, in which order, in batches of which size."""

import codecs
import glob
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple, TextIO

from scratch_d2.utils.image_names import is_image_name

STDIN = "-"
BOM = "\ufeff"
# A folder with this file in it is what an earlier run wrote; its pictures are no photographs.
RESULTS = "results.jsonl"
Stamp = tuple[int, ...]


class Source(NamedTuple):
    """A file to inspect.

    Attributes:
        path: as it was named, or found in a folder.
        stamp: its `file_stamp`, where the file may come again with other content, as in a watched
            folder; rows of earlier versions hold only size and time of modification.
    """

    path: Path
    stamp: Stamp | None = None


def find_sources(inputs: Sequence[str], stdin: TextIO | None = None) -> Iterator[Source]:
    """Return the image files that folders, files, patterns and "-" name, each once, lazily.

    A folder stands for all images in it and its subfolders, file by file in order of their names
    and then folder by folder; what is hidden, the masks/ beside good/ and bad/, and results of
    former runs are left out. A pattern may hold *, ? and **. A file counts whatever its name. "-"
    reads names of files from `stdin`, one a line, and does not ask whether they exist.

    Raises FileNotFoundError, before the first is returned, for an input that names nothing.
    """
    found = chain.from_iterable([_resolve(text, stdin) for text in inputs])
    return map(Source, found if len(inputs) == 1 and inputs[0] != STDIN else _each_once(found))


def count_sources(inputs: Sequence[str]) -> int | None:
    """Return how many files `find_sources` will find, or None where only the end of stdin tells."""
    return None if STDIN in inputs else sum(1 for _ in find_sources(inputs))


def in_batches(sources: Iterable[Source], size: int) -> Iterator[list[Source]]:
    """Yield lists of `size` sources, the last one maybe shorter."""
    sources = iter(sources)
    while batch := list(islice(sources, size)):
        yield batch


def walk_images(folder: str | Path) -> Iterator[Path]:
    """Yield the images in a folder and its subfolders, as `find_sources` orders them."""
    for where, folders, files in os.walk(folder):
        names = {name.lower() for name in folders}
        if RESULTS in files:
            folders.clear()
            continue
        if names & {"good", "bad"}:
            folders[:] = [name for name in folders if name.lower() != "masks"]
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(where, name)
            if is_image_name(path):
                yield path


def _resolve(text: str, stdin: TextIO | None) -> Iterable[Path]:
    """Return the files that one input names."""
    if text == STDIN:
        return _read_names(stdin or io.StringIO())
    path = Path(text)
    if path.is_file():
        return [path]
    if path.is_dir():
        return _not_empty(
            walk_images(path), f"input folder {text!r} holds no image, nor do its subfolders"
        )
    matches = (Path(match) for match in sorted(glob.glob(text, recursive=True)))
    images = (match for match in matches if match.is_file() and is_image_name(match))
    return _not_empty(images, f"input {text!r}: no such file or folder, no match")


def _not_empty(paths: Iterator[Path], complaint: str) -> Iterator[Path]:
    first = next(paths, None)
    if first is None:
        raise FileNotFoundError(complaint)
    return chain([first], paths)


def _read_names(stdin: TextIO) -> Iterator[Path]:
    for line in _decode_lines(stdin):
        name = line.rstrip("\r\n")
        if name.strip():
            yield Path(name)


def _decode_lines(stdin: TextIO) -> Iterable[str]:
    """Decode lines as the system decodes names of files, whatever bytes they are made of.

    A byte order mark is dropped; that of UTF-16, as PowerShell writes it, decides the encoding.
    """
    octets = getattr(stdin, "buffer", None)
    if octets is None:  # a stream of text without bytes behind it
        return (line.removeprefix(BOM) for line in stdin)
    head = octets.peek(2)[:2]
    if head in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return codecs.getreader("utf-16")(octets, errors="replace")
    return (os.fsdecode(line.removeprefix(codecs.BOM_UTF8)) for line in octets)


def _each_once(paths: Iterable[Path]) -> Iterator[Path]:
    seen: set[str] = set()
    for path in paths:
        if str(path) not in seen:
            seen.add(str(path))
            yield path
