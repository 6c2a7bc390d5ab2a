"""Turn what is marked on an image into a mask, and into boxes if there is no outline."""

from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from pycocotools import mask as coco_mask

from scratch_d2.formats.polygons import ROUNDING, clip, crosses_itself, is_outside, to_points
from scratch_d2.formats.values import Box, Shape
from scratch_d2.structures.masks import decode_rle, rle_areas, to_rle


class Outside(ValueError):
    """A shape that is outside of its image: nothing in the image is left unmarked without it."""

    def __init__(self, width: int, height: int) -> None:
        super().__init__(f"it is outside of its image of {width} x {height} pixels")


@dataclass
class Marks:
    """What is known of the scratches on an image of height x width px.

    Attributes:
        rles: masks, COCO RLE of the image's size, none of them empty.
        boxes: around scratches without an outline, (x0, y0, x1, y1) in px, inside of the image.
        is_partial: whether a scratch is neither in a mask nor in a box.
        clipped, crossing: how many shapes reached out of the image, or cross themselves.
        dropped: why shapes cannot be used, one sentence each.
    """

    rles: list[dict] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    is_partial: bool = False
    clipped: int = 0
    crossing: int = 0
    dropped: list[str] = field(default_factory=list)

    def mask(self) -> np.ndarray | None:
        """Return the union of the masks as HxW bool; None without any, or if it lacks a scratch."""
        if not self.rles or self.is_partial:
            return None
        return decode_rle(self.rles[0] if len(self.rles) == 1 else coco_mask.merge(self.rles))


def draw(shapes: list[Shape], width: int, height: int) -> Marks:
    """Draw shapes on an image of width x height px.

    Polygons are rasterised as pycocotools does; of one that crosses itself, what is wound twice is
    empty. A shape that cannot be drawn leaves its box, if that is known; otherwise the mask of the
    whole image cannot be used, because it would call a scratch background.
    """
    marks = Marks()
    for shape in shapes:
        try:
            _draw(shape, width, height, marks)
        except Outside as error:
            marks.dropped.append(f"{shape.label}: {error}")
        except ValueError as error:
            marks.dropped.append(f"{shape.label}: {error}")
            known = _known_box(shape)
            box = _fit(known, width, height) if known and not _is_tiny(known) else None
            marks.boxes += [box] if box else []
            marks.is_partial |= box is None
    return marks


def _draw(shape: Shape, width: int, height: int, marks: Marks) -> None:
    if shape.error:
        raise ValueError(shape.error)
    if shape.polygons:
        rles = _draw_polygons(shape, width, height, marks)
    else:
        rles = [_check_rle(shape.rle, width, height)] if shape.rle else []
    if rles and not shape.crowd:
        marks.rles += rles
        return
    box = _around(rles) if rles and not shape.box else shape.box
    if box is None:
        raise ValueError("its place is unknown")
    inside = _fit(box, width, height)
    if inside is None:
        raise Outside(width, height)
    if _is_tiny(box):
        size = f"{abs(box[2] - box[0]):g} x {abs(box[3] - box[1]):g}"
        raise ValueError(
            f"its box of {size} pixels is smaller than one; are these fractions of the image?"
        )
    marks.clipped += bool(np.abs(np.subtract(box, inside)).max() > ROUNDING)
    marks.boxes.append(inside)


def _draw_polygons(shape: Shape, width: int, height: int, marks: Marks) -> list[dict]:
    """Return the masks of the polygons that cover a pixel."""
    polygons = [to_points(polygon) for polygon in shape.polygons]
    outside = [is_outside(points, width, height) for points in polygons]
    marks.crossing += any(map(crosses_itself, polygons))
    drawn = [clip(p, width, height) if out else p for p, out in zip(polygons, outside)]
    rows = [points.ravel().tolist() for points in drawn if len(points) >= 3]
    rles = coco_mask.frPyObjects(rows, height, width) if rows else []
    rles = [rle for rle, area in zip(rles, rle_areas(rles)) if area]
    if rles:
        marks.clipped += any(outside)
        return rles
    if all(outside) and not any(len(points) >= 3 for points in drawn):
        raise Outside(width, height)
    raise ValueError("its outline covers no pixel")


def _check_rle(rle: dict, width: int, height: int) -> dict:
    size = rle.get("size")
    if not isinstance(size, list | tuple) or "counts" not in rle:
        raise ValueError("its RLE lacks size or counts")
    checked = to_rle(rle, height, width)
    if not rle_areas([checked])[0]:
        raise ValueError("its mask marks no pixel")
    return checked


def _known_box(shape: Shape) -> Box | None:
    """Return the box of a shape that cannot be drawn: as told, or around the points it has."""
    if shape.box or not shape.polygons:
        return shape.box
    try:
        points = np.array([*chain.from_iterable(shape.polygons)], np.float64).reshape(-1, 2)
    except (TypeError, ValueError):
        return None
    if not len(points) or not np.isfinite(points).all():
        return None
    (x0, y0), (x1, y1) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return x0, y0, x1, y1


def _around(rles: list[dict]) -> Box:
    x, y, width, height = coco_mask.toBbox(coco_mask.merge(rles)).tolist()
    return x, y, x + width, y + height


def _is_tiny(box: Box) -> bool:
    """Whether a box is smaller than a pixel in both directions."""
    return max(abs(box[2] - box[0]), abs(box[3] - box[1])) < 1


def _fit(box: Box, width: int, height: int) -> Box | None:
    """Return the part of a box that is inside of an image, or None."""
    x0, x1 = sorted((box[0], box[2]))
    y0, y1 = sorted((box[1], box[3]))
    inside = (max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height)))
    return inside if inside[0] < inside[2] and inside[1] < inside[3] else None
