"""Decode the bytes of one still image, whole and upright, or say why not."""

import ctypes
import importlib
import io
import logging
import warnings
from contextlib import suppress
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from scratch_d2.data.damage import (
    FILL,
    decode_jpeg,
    is_filled,
    jpeg_damage,
    png_damage,
    tiff_damage,
    webp_damage,
)
from scratch_d2.data.deep_pixels import has_deep_colours, read_deep_colours, read_deep_grey
from scratch_d2.data.image_error import ImageError
from scratch_d2.data.orientation import UPRIGHT, turn
from scratch_d2.data.plain_png import decode_png
from scratch_d2.data.png_texts import NEEDED_TEXTS, PNG, without_texts

for _plugin in ("Avif", "Jpeg2K", "Tiff", "WebP"):  # the first two are not in every Pillow
    with suppress(ImportError):
        importlib.import_module(f"PIL.{_plugin}ImagePlugin")
Image.preinit()
KINDS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "AVIF", "JPEG2000", "PPM")
FORMATS = tuple(kind for kind in KINDS if kind in Image.OPEN)
# What else people take for a photograph, by a few bytes and their position.
UNREAD = (
    (4, b"ftyphe", "HEIC"),
    (4, b"ftypmif1", "HEIC"),
    (4, b"ftypmsf1", "HEIC"),
    (4, b"ftypcrx", "a raw photograph"),
    (8, b"CR\2\0", "a raw photograph"),
    (0, b"FUJIFILM", "a raw photograph"),
    (0, b"IIU\0", "a raw photograph"),
    (0, b"IIRO", "a raw photograph"),
    (0, b"IIRS", "a raw photograph"),
    (0, b"\xff\x0a", "JPEG XL"),
    (4, b"JXL ", "JPEG XL"),
    (0, b"II\xbc", "JPEG XR"),
    (0, b"8BPS", "a Photoshop document"),
    (0, b"\x76\x2f\x31\x01", "OpenEXR"),
    (0, b"#?RADIANCE", "Radiance HDR"),
)
GIT_LFS = b"version https://git-lfs.github.com/spec/"
# What no photograph needs, and a file of a few bytes can claim. Image.MAX_IMAGE_PIXELS, 89 million
# unless it is set, limits width x height.
MAX_SIDE = 65_535
MAX_SCANNED = 10**10  # pixels, over all scans of a JPEG: some seconds
START_OF_SCAN = b"\xff\xda"
# Tags of TIFF.
SUBFILE, TILE_WIDTH, TILE_LENGTH, DNG_VERSION = 254, 322, 323, 50706


class Decoded(NamedTuple):
    """An image as Pillow has it, upright.

    Attributes:
        deep: its pixels if it has more than 8 bits, HxW or HxWx3 RGB of integers or floats;
            Pillow's own conversion would clip grey at 255 and cut the low bits off colours.
        pixels: its pixels if they were decoded without Pillow, HxWx3 uint8 RGB; `image` is not
            decoded then.
    """

    image: Image.Image
    deep: np.ndarray | None
    pixels: np.ndarray | None = None


def _keep_quiet() -> None:
    """Keep Pillow and libtiff from writing to the terminal what they think of a file.

    What matters is raised as well. This is set once: warnings cannot be caught while several
    threads read.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")
    logging.getLogger("PIL").addHandler(logging.NullHandler())
    library = ctypes.CDLL(Image.core.__file__)
    if hasattr(library, "TIFFSetErrorHandler"):  # not if libtiff is linked statically
        library.TIFFSetErrorHandler(None)


_keep_quiet()


def decode(content: bytes, pixels: bool = False) -> Decoded:
    """Decode a still image; of the pictures in an MPO, the first.

    Args:
        pixels: decode an ordinary JPEG or PNG without Pillow, to the same pixels in half of the
            time.

    Raises ImageError if it is several frames, too large, damaged, or of a kind that is not
    read, and whatever decoders raise.
    """
    kind = next((k for at, head, k in UNREAD if content[at : at + len(head)] == head), "")
    if kind:
        raise ImageError(f"{kind}, which is not read; convert it to PNG or JPEG")
    if content.startswith(GIT_LFS):
        raise ImageError("a Git LFS pointer instead of the image; `git lfs pull` fetches it")
    try:
        return _decode(content, pixels)
    except ImageError:
        raise
    except UnidentifiedImageError:
        kinds = ", ".join(FORMATS)
        raise ImageError(
            f"not an image of an accepted kind ({kinds}), or its header is damaged"
        ) from None
    except ValueError:
        if not content.startswith(PNG):
            raise
        return _decode_without_texts(content)  # Pillow refuses large profiles and comments


def read_header(file: BinaryIO) -> tuple[int, int]:
    """Return width and height of an image, upright, without decoding it if that can be avoided.

    Raises whatever Pillow does; `decode` says what that means. Damage goes unnoticed.
    """
    image = Image.open(file, formats=FORMATS)
    _check_size(*image.size)
    is_turned = _orientation(image, file) >= 5
    return image.size[::-1] if is_turned else image.size


def count_pixels(content: bytes) -> int:
    """Return width x height by the header of an image; 0 if it has none, `decode` says why."""
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
    except Exception:
        return 0
    return image.width * image.height


def _orientation(image: ImageFile.ImageFile, file: BinaryIO) -> int:
    """Return the EXIF orientation; a PNG, which Pillow decodes for that, is searched first."""
    if image.format == "TIFF":  # Pillow turns it as it loads it
        image.load()
    if image.format == "PNG":
        file.seek(0)
        content = file.read()
        if not any(text in content for text in (b"eXIf", *NEEDED_TEXTS)):
            return 1
    return _stated_orientation(image)


def _stated_orientation(image: Image.Image) -> int:
    """Return the orientation in the EXIF of an image, 1 if there is none or it means nothing."""
    orientation = image.getexif().get(ExifTags.Base.Orientation)
    return orientation if orientation in UPRIGHT else 1


def _decode(content: bytes, pixels: bool = False) -> Decoded:
    image = Image.open(io.BytesIO(content), formats=FORMATS)
    if getattr(image, "is_animated", False) and image.format != "MPO":
        raise ImageError(f"{image.format} of several frames; a single still image is expected")
    _check_size(*image.size)
    _check_tiff(getattr(image, "tag_v2", {}))
    area = image.width * image.height
    if image.format in ("JPEG", "MPO") and content.count(START_OF_SCAN) * area > MAX_SCANNED:
        raise ImageError("refused as a decompression bomb (a JPEG of too many scans)")
    boxes = [tile[1] or (0, 0, *image.size) for tile in image.tile]
    tiles = [(x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in boxes]
    if tiles and sum(tiles) < area:  # Pillow would leave black what no tile covers
        raise ImageError("damaged image (a part of its pixels is missing)")
    if pixels and (array := _decode_ordinary(content, image)) is not None:
        return Decoded(image, None, array)
    are_deep = image.mode[0] not in "IF" and has_deep_colours(content, image)
    image.load()
    _check_damage(content, image)
    deep = read_deep_grey(image) if image.mode[0] in "IF" else None
    if are_deep:
        deep = read_deep_colours(content, image.size)
    if deep is not None:
        deep = turn(deep, _stated_orientation(image))
    return Decoded(turn_upright(image), deep)


def turn_upright(image: Image.Image) -> Image.Image:
    """Return an image turned as its EXIF says."""
    # Not ImageOps.exif_transpose, which also writes EXIF anew and fails if that is odd.
    orientation = _stated_orientation(image)
    return image.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else image


def _decode_ordinary(content: bytes, image: Image.Image) -> np.ndarray | None:
    """Return the upright pixels of an ordinary JPEG or PNG, decoded without Pillow, else None."""
    if image.format == "PNG":
        return decode_png(content, image.size)
    array = decode_jpeg(content, image.size) if image.format == "JPEG" else None
    if array is None:
        return None
    return np.ascontiguousarray(turn(array, _stated_orientation(image)))


def _check_size(width: int, height: int) -> None:
    most = Image.MAX_IMAGE_PIXELS or MAX_SIDE**2
    if width * height > most or max(width, height) > MAX_SIDE:
        raise ImageError(
            f"refused as a decompression bomb ({width} x {height} pixels; accepted are {MAX_SIDE} "
            f"a side and {most} in all)"
        )
    if min(width, height) < 1:
        raise ImageError(f"an image without pixels ({width} x {height})")


def _check_tiff(tags: dict) -> None:
    if DNG_VERSION in tags or tags.get(SUBFILE, 0) == 1:
        raise ImageError(
            "a raw photograph, of which only the preview could be read; convert it to PNG or JPEG"
        )
    if TILE_WIDTH in tags and TILE_LENGTH in tags:  # memory for a tile is taken, whatever it holds
        _check_size(tags[TILE_WIDTH], tags[TILE_LENGTH])


def _check_damage(content: bytes, image: Image.Image) -> None:
    reason, kind = "", image.format
    if kind in ("JPEG", "MPO"):
        reason = jpeg_damage(content)
    elif kind == "PNG":
        reason = png_damage(content)
    elif kind == "TIFF":
        reason = tiff_damage(content, getattr(image, "tag_v2", {}))
    elif kind == "WEBP":
        reason = webp_damage(content, _decodes)
    elif kind == "AVIF" and is_filled(content) and b"Exif" not in content:
        reason = FILL
    if reason:
        raise ImageError(f"damaged image ({reason})")


def _decodes(content: bytes) -> bool:
    try:
        Image.open(io.BytesIO(content), formats=("WEBP",)).load()
    except Exception:
        return False
    return True


def _decode_without_texts(content: bytes) -> Decoded:
    """Decode a PNG without its profiles and comments, if it can be with those on its orientation.

    The compressed ones of these, too, may be larger than Pillow accepts.
    """
    try:
        return _decode(without_texts(content, NEEDED_TEXTS))
    except ImageError:
        raise
    except ValueError:
        return _decode(without_texts(content, ()))
