"""Read photographs of any kind into one form: HxWx3 uint8 RGB, upright."""

import ctypes
import io
import logging
import os
import stat
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from scratch_d2.structures.images import to_uint8

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")
# What no photograph needs, and a file of a few bytes can claim. Image.MAX_IMAGE_PIXELS, 89 million
# unless it is set, limits width x height.
MAX_BYTES = 1 << 29
MAX_SIDE = 65_535
MAX_SCANNED = 10**10  # pixels, over all scans of a JPEG: some seconds
START_OF_SCAN = b"\xff\xda"
TILE_WIDTH, TILE_LENGTH = 322, 323  # tags of TIFF
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
Read = tuple[Path, np.ndarray | None, str]


class ImageError(ValueError):
    """A file that cannot be used as a photograph or mask; the message names it and says why."""


def _keep_quiet() -> None:
    """Keep Pillow and libtiff from writing to the terminal what they think of a file.

    What matters is raised as well. This is set once: warnings cannot be caught while several
    threads read.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")
    logging.getLogger("PIL").addHandler(logging.NullHandler())
    library = ctypes.CDLL(Image.core.__file__)
    if hasattr(library, "TIFFSetErrorHandler"):  # not where libtiff is linked statically
        library.TIFFSetErrorHandler(None)


_keep_quiet()


def read_pixels(path: str | Path, convert: Callable[[Image.Image], np.ndarray]) -> np.ndarray:
    """Read one still image, turned as its EXIF orientation says, and convert it into an array.

    Raises:
        FileNotFoundError: there is no such file.
        ImageError: it is no file that can be read, or empty, not an image, truncated, animated,
            absurdly large, or `convert` cannot take it.
    """
    try:
        return convert(_decode(_read_bytes(path)))
    except FileNotFoundError:
        raise
    except ImageError as error:
        reason = str(error)
    except UnidentifiedImageError:
        kinds = ", ".join(FORMATS)
        reason = f"not an image of an accepted kind ({kinds}), or its header is damaged"
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
        if not stat.S_ISREG(os.stat(path).st_mode):
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


def _decode(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content), formats=FORMATS)
    if getattr(image, "is_animated", False):
        raise ImageError(f"{image.format} of several frames; a single still image is expected")
    _check_size(*image.size)
    tags = getattr(image, "tag_v2", {})
    if TILE_WIDTH in tags and TILE_LENGTH in tags:  # memory for a tile is taken, whatever it holds
        _check_size(tags[TILE_WIDTH], tags[TILE_LENGTH])
    pixels = image.width * image.height
    if image.format in ("JPEG", "MPO") and content.count(START_OF_SCAN) * pixels > MAX_SCANNED:
        raise ImageError("refused as a decompression bomb (a JPEG of too many scans)")
    tiles = [(x1 - x0) * (y1 - y0) for _, (x0, y0, x1, y1), *_ in image.tile]
    if tiles and sum(tiles) < pixels:  # Pillow would leave black what no tile covers
        raise ImageError("damaged image (a part of its pixels is missing)")
    image.load()
    # Not ImageOps.exif_transpose, which also writes EXIF anew and fails where that is odd.
    method = UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation))
    return image if method is None else image.transpose(method)


def _check_size(width: int, height: int) -> None:
    most = Image.MAX_IMAGE_PIXELS or MAX_SIDE**2
    if width * height > most or max(width, height) > MAX_SIDE:
        raise ImageError(
            f"refused as a decompression bomb ({width} x {height} pixels; accepted are {MAX_SIDE} "
            f"a side and {most} in all)"
        )
    if min(width, height) < 1:
        raise ImageError(f"an image without pixels ({width} x {height})")


def read_image(path: str | Path) -> np.ndarray:
    """Read a photograph as HxWx3 uint8 RGB, 0..255, turned upright by its EXIF orientation.

    Grey, palette, 1-bit, 16-bit, CMYK and transparent images are converted; an alpha channel is
    dropped. Raises FileNotFoundError or ImageError, both naming the file.
    """
    return read_pixels(path, _to_rgb)


def _to_rgb(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I") or image.mode == "F":
        grey = to_uint8(np.asarray(image))
        return np.repeat(grey[:, :, None], 3, axis=2)
    image.info.pop("transparency", None)  # Pillow would warn of it, and it is dropped anyway
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def read_batches(paths: Sequence[Path], batch_size: int) -> Iterator[list[Read]]:
    """Read images in batches, the next one while the caller works on the last.

    Yields lists of (path, HxWx3 uint8 RGB, "") or, for an unreadable file, (path, None, reason).
    """
    batches = [paths[start : start + batch_size] for start in range(0, len(paths), batch_size)]
    with ThreadPoolExecutor(max_workers=2) as pool:
        ahead = [pool.submit(try_read, path) for path in batches[0]] if batches else []
        for done, following in zip(batches, [*batches[1:], []]):
            current, ahead = ahead, [pool.submit(try_read, path) for path in following]
            yield [(path, *job.result()) for path, job in zip(done, current)]


def try_read(path: Path) -> tuple[np.ndarray | None, str]:
    """Return an image as HxWx3 uint8 RGB and "", or None and why it cannot be read."""
    try:
        return read_image(path), ""
    except (ImageError, OSError) as error:
        return None, " ".join(str(error).splitlines())
