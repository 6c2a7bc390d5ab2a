"""Read photographs of any kind into one form: HxWx3 uint8 RGB, upright."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from PIL import Image

from scratch_d2.data.decoding import Decoded, decode, read_header
from scratch_d2.data.image_error import ImageError
from scratch_d2.structures.images import find_range, to_uint8

MAX_BYTES = 1 << 29  # of a file: no photograph needs more, and no memory is spent on it


class Photograph(NamedTuple):
    """A photograph as it was read.

    Attributes:
        pixels: HxWx3 uint8 RGB, 0..255, upright.
        note: what was assumed in reading it, or "".
    """

    pixels: np.ndarray
    note: str


class Reading(NamedTuple):
    """What came of reading a file: pixels and a note as `Photograph` has them, or an error."""

    pixels: np.ndarray | None
    error: str
    note: str


Read = tuple[Path, np.ndarray | None, str]
T = TypeVar("T")


def read_file(path: str | Path, convert: Callable[[Decoded], T], pixels: bool = False) -> T:
    """Read one still image, turned as its EXIF orientation says, and convert it.

    Args:
        pixels: as in `decode`.

    Raises:
        FileNotFoundError: there is no such file.
        ImageError: it is no file that can be read, or empty, not an image, truncated, animated,
            absurdly large, or `convert` cannot take it.
    """
    return _convert(path, lambda: _read_bytes(path), convert, pixels)


def read_content(content: bytes, name: str, white: float = 0.0) -> Photograph:
    """Read the bytes of a photograph as `read_photograph` reads a file.

    Raises ImageError naming a file that is not an image, as `read_file` does.
    """

    def take() -> bytes:
        if not content:
            raise ImageError("the file is empty (0 bytes)")
        return content

    return _convert(name, take, partial(_to_photograph, white=white), pixels=True)


def _convert(
    path: str | Path, take: Callable[[], bytes], convert: Callable[[Decoded], T], pixels: bool
) -> T:
    try:
        return convert(decode(take(), pixels))
    except FileNotFoundError:
        raise
    except ImageError as error:
        reason = str(error)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        reason = f"refused as a decompression bomb ({error})"
    except MemoryError:
        reason = "not enough memory to decode it"
    except Exception as error:
        # Decoders trip over damage wherever it strikes first: beside OSError, SyntaxError and
        # ValueError, fuzzing has seen OverflowError, TypeError and struct.error.
        reason = f"damaged image ({type(error).__name__}: {error})"
    raise ImageError(f"{str(path)!r}: {reason}") from None


def _read_bytes(path: str | Path) -> bytes:
    """Read a file at one go, so that it cannot change or vanish while it is decoded.

    Decoders map files into memory, and one that is cut short meanwhile ends the process.
    """
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            os.scandir(path).close()
        if not stat.S_ISREG(mode):
            raise ImageError("not a file but a folder, a pipe or a device")
        with open(path, "rb", opener=_open_at_once) as file:
            before = os.fstat(file.fileno())
            if before.st_size > MAX_BYTES:
                raise ImageError(f"{before.st_size} bytes; accepted are {MAX_BYTES}")
            content = file.read(before.st_size + 1)
            after = os.fstat(file.fileno())
    except FileNotFoundError:
        raise FileNotFoundError(f"{str(path)!r}: no such image file") from None
    except OSError as error:
        raise ImageError(f"cannot be read ({error.strerror})") from None
    if (len(content), after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise ImageError("changed while it was read")
    if not content:
        raise ImageError("the file is empty (0 bytes)")
    return content


def _open_at_once(path: str, flags: int) -> int:
    # A pipe that took the place of the file would wait for its writer.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_image(path: str | Path, white: float = 0.0) -> np.ndarray:
    """Read a photograph as HxWx3 uint8 RGB, 0..255, turned upright by its EXIF orientation.

    Grey, palette, 1-bit, high-depth, CMYK and transparent images are converted; an alpha channel
    is dropped.

    Args:
        white: level that is white in images of more than 8 bits, as SCRATCH.WHITE_LEVEL has it; 0
            finds it for each image, as `find_range` does.

    Raises FileNotFoundError or ImageError, both naming the file.
    """
    return read_photograph(path, white).pixels


def read_photograph(path: str | Path, white: float = 0.0) -> Photograph:
    """Read a photograph as `read_image` does, and say what was assumed."""
    return read_file(path, partial(_to_photograph, white=white), pixels=True)


def _to_photograph(decoded: Decoded, white: float) -> Photograph:
    image, deep, pixels = decoded
    if pixels is not None:
        return Photograph(pixels, "")
    if deep is not None:
        low, high = find_range(deep, white)
        pixels = to_uint8(deep, (low, high))
        note = f"levels {low:g} to {high:g} of {deep.dtype.name} pixels are read as black to white"
        grey = pixels.ndim == 2
        return Photograph(np.repeat(pixels[:, :, None], 3, axis=2) if grey else pixels, note)
    image.info.pop("transparency", None)  # Pillow would warn of it, and it is dropped anyway
    return Photograph(np.asarray(image if image.mode == "RGB" else image.convert("RGB")), "")


def read_size(path: str | Path) -> tuple[int, int]:
    """Return width and height in px of a photograph, upright, from its header if that suffices.

    Damage behind the header is not noticed. Raises as `read_image` does.
    """
    with suppress(Exception):  # reading the whole file says why
        if stat.S_ISREG(os.stat(path).st_mode):
            with open(path, "rb", opener=_open_at_once) as file:
                return read_header(file)
    height, width = read_image(path).shape[:2]
    return width, height


def read_batches(
    paths: Sequence[Path], batch_size: int, white: float = 0.0
) -> Iterator[list[Read]]:
    """Read images in batches, the next one while the caller works on the last.

    Yields lists of (path, HxWx3 uint8 RGB, "") or, for an unreadable file, (path, None, reason);
    `white` as in `read_image`.
    """
    read = partial(try_read, white=white)
    batches = [paths[start : start + batch_size] for start in range(0, len(paths), batch_size)]
    with ThreadPoolExecutor(max_workers=2) as pool:
        ahead = [pool.submit(read, path) for path in batches[0]] if batches else []
        for done, following in zip(batches, [*batches[1:], []]):
            current, ahead = ahead, [pool.submit(read, path) for path in following]
            yield [(path, *job.result()[:2]) for path, job in zip(done, current)]


def try_read(path: Path, white: float = 0.0) -> Reading:
    """Read a photograph as `read_photograph` does, or say why it cannot be read."""
    try:
        pixels, note = read_photograph(path, white)
    except (ImageError, OSError) as error:
        return Reading(None, " ".join(str(error).splitlines()), "")
    return Reading(pixels, "", note)
