"""Font files of the user's: their characters, drawn once, and which files they were."""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from scratch_d2.synthetic.labels.glyphs import CHARACTERS, OVERSHOOT

# Text is drawn about twice as large as it appears and shrunk while it is placed.
STRIP_CAP_HEIGHT = 160
_TRIAL_SIZE = 200
_NO_CHARACTER = "\uffff"  # no font has it, so it is drawn as what stands for missing ones


@dataclass(frozen=True)
class Font:
    """A font as it is drawn; two are equal if their files are.

    Attributes:
        name: of the file.
        sha256: of its content, hex.
        glyphs: for each of CHARACTERS a uint8 coverage map HxW, 0 paper to 255 ink, all of one
            height: a capital of STRIP_CAP_HEIGHT px in the middle, as much free above as below.
    """

    name: str
    sha256: str
    glyphs: Mapping[str, np.ndarray] = field(compare=False, repr=False)


def load_font(path: str | Path) -> Font:
    """Draw the needed characters of a TrueType or OpenType file.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it cannot be read.
        ValueError: it is no font, or lacks a character.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"font {str(path)!r}: no such file; a TrueType or OpenType file is accepted"
        )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise OSError(f"font {str(path)!r} cannot be read ({error.strerror})") from None
    try:
        glyphs = _draw_characters(content)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"font {str(path)!r} cannot be used ({error}); a TrueType or OpenType file with the "
            f"characters {CHARACTERS} is accepted"
        ) from None
    return Font(path.name, hashlib.sha256(content).hexdigest(), glyphs)


def _open(content: bytes, size: float) -> ImageFont.FreeTypeFont:
    # The other layout engine is not everywhere.
    return ImageFont.truetype(io.BytesIO(content), size, layout_engine=ImageFont.Layout.BASIC)


def _draw_characters(content: bytes) -> dict[str, np.ndarray]:
    trial = _open(content, _TRIAL_SIZE)
    absent = bytes(trial.getmask(_NO_CHARACTER))
    for character in CHARACTERS:
        drawn = bytes(trial.getmask(character))
        if not any(drawn) or drawn == absent:
            raise ValueError(f"it has no character {character!r}")
    cap_height = -trial.getbbox("T", anchor="ls")[1]
    if cap_height < 1:
        raise ValueError("its T does not stand on the line")
    font = _open(content, _TRIAL_SIZE * STRIP_CAP_HEIGHT / cap_height)
    boxes = {character: font.getbbox(character, anchor="ls") for character in CHARACTERS}
    above = max(-box[1] for box in boxes.values()) - STRIP_CAP_HEIGHT
    below = max(box[3] for box in boxes.values())
    # Digits of some fonts reach far below the line.
    rim = int(max(np.ceil(OVERSHOOT * STRIP_CAP_HEIGHT), above, below))
    return {character: _draw(font, character, box, rim) for character, box in boxes.items()}


def _draw(
    font: ImageFont.FreeTypeFont, character: str, box: tuple[float, ...], rim: int
) -> np.ndarray:
    left, _, right, _ = (int(side) for side in box)
    canvas = Image.new("L", (right - left + 8, STRIP_CAP_HEIGHT + 2 * rim))
    origin = (4 - left, STRIP_CAP_HEIGHT + rim)
    ImageDraw.Draw(canvas).text(origin, character, fill=255, font=font, anchor="ls")
    return np.asarray(canvas)
