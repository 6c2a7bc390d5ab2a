"""Find the files to inspect, in order and in batches."""

import codecs
import glob
import io
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple, TextIO

from scratch_d2.data.image_error import ImageError
from scratch_d2.data.images import MAX_BYTES, Reading, read_content, try_read
from scratch_d2.structures.run_record import ROWS
from scratch_d2.utils.folders import describe_left_out, walk_images
from scratch_d2.utils.image_names import is_image_name
from scratch_d2.utils.remote import (
    SEPARATOR,
    AnyPath,
    RemotePath,
    list_images,
    read_bytes,
    to_path,
)

STDIN = "-"
BOM = "\ufeff"
# A folder with this file holds results of an earlier run; the pictures in it are no photographs.
RESULTS, RESULT_FOLDERS = ROWS, ("overlays", "masks")
Stamp = tuple[int, ...]
logger = logging.getLogger(__name__)


class InputFile(NamedTuple):
    """A file to inspect.

    Attributes:
        path: as it was given, or found in a folder or below an address.
        stamp: its `file_stamp` in a watched folder, where a name may come again with other content;
            rows of earlier versions hold only size and time of modification.
        image_id: that of its row, if it is given; None takes the next.
    """

    path: AnyPath
    stamp: Stamp | None = None
    image_id: int | None = None


def find_files(
    inputs: Sequence[str], stdin: TextIO | None = None, log: bool = True
) -> Iterator[InputFile]:
    """Return lazily, each once, the image files that folders, files, patterns and "-" name.

    A folder means all images in it, in order of their names, and then those of its subfolders, of
    which good/ comes first. Linked folders come last, each once. Hidden folders, the masks/ beside
    good/ and bad/, and pictures of earlier runs are left out. A folder that cannot be entered is
    returned itself. A pattern may contain *, ? and **. A file is taken whatever its name. "-" reads
    file names from `stdin`, one per line, without checking that they exist. An address such as
    s3://bucket/folder means the images below it.

    Raises FileNotFoundError, before the first file is returned, for an input that names none.
    """
    paths = chain.from_iterable([_resolve(text, stdin, log) for text in inputs])
    return map(InputFile, paths if len(inputs) == 1 and inputs[0] != STDIN else _each_once(paths))


def count_files(inputs: Sequence[str]) -> int | None:
    """Return the number of files that `find_files` returns; None if stdin is among the inputs."""
    return None if STDIN in inputs else sum(1 for _ in find_files(inputs, log=False))


def read_input(path: AnyPath, white: float = 0.0) -> Reading:
    """Read a photograph from a file or an address, or say why it cannot be read."""
    if not isinstance(path, RemotePath):
        return try_read(path, white)
    try:
        pixels, note = read_content(read_bytes(path, MAX_BYTES), str(path), white)
    except (ImageError, OSError) as error:
        return Reading(None, " ".join(str(error).splitlines()), "")
    return Reading(pixels, "", note)


def in_batches(input_files: Iterable[InputFile], size: int) -> Iterator[list[InputFile]]:
    """Yield lists of `size` files; the last one may be shorter."""
    input_files = iter(input_files)
    while batch := list(islice(input_files, size)):
        yield batch


def choose_folders(folders: Sequence[str], files: Sequence[str]) -> list[str]:
    """Leave out the masks/ beside good/ and bad/, and the pictures beside results of a run.

    good/ comes first, as in a dataset, so that image_id is the one that an evaluation of the folder
    has.
    """
    masks_too = {name.lower() for name in folders} & {"good", "bad"}
    folders = sorted(folders, key=lambda name: name.lower() != "good")
    left = {*({"masks"} if masks_too else ()), *(RESULT_FOLDERS if RESULTS in files else ())}
    return [name for name in folders if name.lower() not in left]


def _walk(folder: Path, log: bool) -> Iterator[Path]:
    """Yield the images of a folder; then say which other files are in it."""
    left_out: list[Path] = []
    yield from walk_images(folder, choose_folders, left_out)
    results = {path.parent for path in left_out if path.name == RESULTS}
    sentence = describe_left_out(folder, [p for p in left_out if p.parent not in results])
    if log and sentence:
        logger.warning(sentence)


def _resolve(text: str, stdin: TextIO | None, log: bool) -> Iterable[AnyPath]:
    """Return the files that one input names."""
    if text == STDIN:
        return _read_names(stdin or io.StringIO())
    if SEPARATOR in text:
        return list_images(text)
    path = Path(text)
    if path.is_file():
        return [path]
    if path.is_dir():
        return _not_empty(
            _walk(path, log), f"input folder {text!r} holds no image, nor do its subfolders"
        )
    matches = [Path(match) for match in sorted(set(glob.glob(text, recursive=True)))]
    folders = [match for match in matches if match.is_dir()]
    if folders and log and "**" not in text:
        logger.warning("%s matches folders, which are not entered, like %s", text, folders[0])
    images = (match for match in matches if match not in folders and is_image_name(match))
    return _not_empty(images, f"input {text!r}: no such file or folder, no match")


def _not_empty(paths: Iterator[Path], message: str) -> Iterator[Path]:
    first = next(paths, None)
    if first is None:
        raise FileNotFoundError(message)
    return chain([first], paths)


def _read_names(stdin: TextIO) -> Iterator[AnyPath]:
    for line in _decode_lines(stdin):
        name = line.rstrip("\r\n")
        if name.strip():
            yield to_path(name)


def _decode_lines(stdin: TextIO) -> Iterable[str]:
    """Decode lines as the system decodes file names, whatever their bytes.

    A byte order mark is dropped. That of UTF-16, which PowerShell writes, sets the encoding.
    """
    octets = getattr(stdin, "buffer", None)
    if octets is None:  # a stream of text without bytes behind it
        return (line.removeprefix(BOM) for line in stdin)
    head = octets.peek(2)[:2]
    if head in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return codecs.getreader("utf-16")(octets, "replace")
    return (os.fsdecode(line.removeprefix(codecs.BOM_UTF8)) for line in octets)


def _each_once(paths: Iterable[AnyPath]) -> Iterator[AnyPath]:
    seen: set[str] = set()
    for path in paths:
        if str(path) not in seen:
            seen.add(str(path))
            yield path
