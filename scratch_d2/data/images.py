"""Read photographs of any kind into one form: HxWx3 uint8 RGB, upright."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
Read = tuple[Path, np.ndarray | None, str]


class ImageError(ValueError):
    """A file that cannot be used as a photograph or mask; the message names it and says why."""


def is_image_name(path: Path) -> bool:
    """Whether a file name ends like an image; hidden files do not count."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def check_rgb(image: np.ndarray) -> None:
    """Raise ValueError unless an array is a photograph: HxWx3 uint8, not empty."""
    shape = np.shape(image)
    kind = getattr(image, "dtype", type(image).__name__)
    if kind != np.uint8 or len(shape) != 3 or shape[2] != 3 or 0 in shape:
        raise ValueError(f"an image must be HxWx3 uint8 RGB, but got {kind} {shape}")


def to_uint8(array: np.ndarray) -> np.ndarray:
    """Scale an HxW array of a high-depth image to uint8, 0..255.

    Up to 16 bits the full range of 0..65535 is mapped; Pillow's own conversion would clip at 255.
    Wider integers and floats have no agreed white point and are scaled from their own minimum
    and maximum.
    """
    if array.dtype == np.uint8:
        return array
    values = array.astype(np.float64)
    low, high = 0.0, 65535.0
    if array.dtype.kind == "f" or values.min() < low or values.max() > high:
        low, high = float(values.min()), float(values.max())
    scaled = (values - low) * (255.0 / max(high - low, 1e-12))
    return np.rint(scaled).astype(np.uint8)


@contextmanager
def open_upright(path: str | Path) -> Iterator[Image.Image]:
    """Open one still image with Pillow, decoded and turned as its EXIF orientation says.

    Raises:
        FileNotFoundError: there is no such file.
        ImageError: the file is empty, not an image, truncated, animated or absurdly large.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{str(path)!r}: no such image file")
    if path.stat().st_size == 0:
        raise ImageError(f"{str(path)!r}: the file is empty (0 bytes)")
    try:
        with Image.open(path) as image:
            _check_size(image, path)
            frames = getattr(image, "n_frames", 1)
            if frames != 1:
                raise ImageError(
                    f"{str(path)!r}: {image.format} with {frames} frames; "
                    "a single still image is expected"
                )
            image.load()
            yield ImageOps.exif_transpose(image)
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError(
            f"{str(path)!r}: not an image, whatever its name says; accepted are PNG, JPEG, BMP, "
            "TIFF and WebP"
        ) from None
    except Image.DecompressionBombError as error:
        raise ImageError(f"{str(path)!r}: refused as a decompression bomb ({error})") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise ImageError(f"{str(path)!r}: damaged image ({error})") from None


def _check_size(image: Image.Image, path: Path) -> None:
    # Pillow warns from here on. Warnings cannot be made errors while several threads read.
    most, pixels = Image.MAX_IMAGE_PIXELS, image.width * image.height
    if most is not None and pixels > most:
        raise ImageError(
            f"{str(path)!r}: refused as a decompression bomb ({image.width} x {image.height} "
            f"pixels; accepted are {most} in all)"
        )


def read_image(path: str | Path) -> np.ndarray:
    """Read a photograph as HxWx3 uint8 RGB, 0..255, turned upright by its EXIF orientation.

    Grey, palette, 1-bit, 16-bit, CMYK and transparent images are converted; an alpha channel is
    dropped. Raises FileNotFoundError or ImageError, both naming the file.
    """
    with open_upright(path) as image:
        if image.mode.startswith("I") or image.mode == "F":
            grey = to_uint8(np.asarray(image))
            return np.repeat(grey[:, :, None], 3, axis=2)
        return np.asarray(image.convert("RGB"))


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
