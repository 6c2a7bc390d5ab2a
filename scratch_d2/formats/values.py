"""What every label format says of an image, in the same words.

Coordinates are px of the upright image, counted from its upper left corner: the pixel in column i
reaches from i to i + 1.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Shape:
    """What a person, or a model, marked on an image: polygons, an RLE, or only a box.

    Attributes:
        label: the name of its class.
        polygons: each [x0, y0, x1, y1, ...] in px; together they are one region.
        rle: a COCO RLE, compressed or not, `{"size": [H, W], "counts": ...}`.
        box: (x0, y0, x1, y1) in px. Without polygons and RLE it is all that is known.
        score: of a model, in 0..1; None if a person marked it.
        crowd: whether the region holds an unknown number of scratches, as COCO's iscrowd says.
        error: why the geometry cannot be read, or "".
    """

    label: str
    polygons: tuple[list[float], ...] = ()
    rle: dict[str, Any] | None = None
    box: Box | None = None
    score: float | None = None
    crowd: bool = False
    error: str = ""


@dataclass(frozen=True)
class LabelledImage:
    """One image and what is marked on it.

    Attributes:
        name: its path, as the labels name it, relative to `folder`; "/" parts folders.
        where: the file of labels, and the place in it, for messages.
        folder: from which `name` leads to the image.
        shapes: what is marked, of whatever class.
        tags: names of classes that are said of the whole image.
        hints: texts that count as tags if somebody has mapped them, and else say nothing.
        size: width and height in px that the labels say; None if they do not.
        file: the image, if whoever reads knows where it is; None looks for `name`.
        aliases: other names to look for.
        content: bytes of the image in the labels, for an image that is nowhere else.
    """

    name: str
    where: str
    folder: Path
    shapes: tuple[Shape, ...] = ()
    tags: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    file: Path | None = None
    aliases: tuple[str, ...] = ()
    content: bytes = b""


class Problem(NamedTuple):
    """A sentence on labels that cannot be read, and where they are."""

    where: str
    reason: str


Labels = Iterator[LabelledImage | Problem]
Reader = Callable[[Path], Labels]
# Images with names in their folder; the folder to write into; whether masks are written as RLE
# instead of polygons; whether a model made the labels.
Write = Callable[[Iterator[LabelledImage], Path, bool, bool], None]
