"""Images of more than 8 bits, whose levels Pillow would clip or cut."""

import numpy as np
from PIL import Image, ImageFile

from scratch_d2.data.image_error import ImageError
from scratch_d2.utils.opencv import cv2

# Tags of TIFF, and two kinds of samples.
BITS, PHOTOMETRIC, PLANES, SAMPLES = 258, 262, 284, 339
UNSIGNED, SIGNED = 1, 2
# Where a codestream of JPEG 2000 says how many bits its first component has.
JPEG2000_SIZE, JPEG2000_PRECISION = b"\xff\x4f\xff\x51", 42


def has_deep_colours(content: bytes, image: ImageFile.ImageFile) -> bool:
    """Whether Pillow would keep only the high byte of colours; to be asked before loading."""
    if image.format == "TIFF":
        tags = getattr(image, "tag_v2", {})
        deep = np.max(tags.get(BITS, 8)) > 8
        if deep and tags.get(PLANES) == 2:  # OpenCV reads them wrongly
            raise ImageError("16-bit colours in separate planes; save them with 8 bits")
        return deep
    if image.format == "PPM":
        arguments = image.tile[0][3]
        return image.mode == "RGB" and isinstance(arguments, tuple) and arguments[-1] > 255
    if image.format == "JPEG2000":
        precision = content[content.find(JPEG2000_SIZE) + JPEG2000_PRECISION]
        return (precision & 127) + 1 > 8
    return ";16" in str([tile[3] for tile in image.tile])


def read_deep_grey(image: Image.Image) -> np.ndarray:
    """Return grey levels of more than 8 bits as the file has them; Pillow knows int32 for most."""
    grey, tags = np.asarray(image), getattr(image, "tag_v2", {})
    bits, kind = (np.max(tags.get(tag, default)) for tag, default in ((BITS, 0), (SAMPLES, 1)))
    if grey.dtype == np.int32 and (bits, kind) == (32, UNSIGNED):
        grey = grey.view(np.uint32)
    if grey.dtype == np.int32 and (bits, kind) == (16, SIGNED):
        grey = grey.astype(np.int16)
    if tags.get(PHOTOMETRIC) != 0:
        return grey
    return np.iinfo(grey.dtype).max - grey if grey.dtype.kind == "u" else -grey  # 0 is white


def read_deep_colours(content: bytes, size: tuple[int, int]) -> np.ndarray:
    """Read 16-bit colours by OpenCV, upright or not as they are stored."""
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or pixels.shape[1::-1] != size:
        raise ImageError("16-bit colours of a kind that is not read; save them with 8 bits")
    return pixels if pixels.ndim == 2 else pixels[:, :, 2::-1]
