"""Masks as HxW bool arrays: regions, polygons, COCO run-length encoding (RLE)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from scratch_d2.structures.segmentations import check_polygons, check_runs, parse_runs
from scratch_d2.utils.opencv import cv2

# `pycocotools.mask.area` counts the masks of one call in a byte; with NumPy 2 a 256th one fails.
MASKS_PER_CALL = 255


def split_regions(mask: np.ndarray) -> list[np.ndarray]:
    """Split an HxW mask into its connected regions (8-connectivity), each HxW bool."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    return [labels == index for index in range(1, count)]


def mask_to_box(mask: np.ndarray) -> list[int]:
    """Return the tight box [x0, y0, x1, y1] of a non-empty HxW mask, x1 and y1 exclusive, px.

    >>> mask_to_box(np.array([[False, False, False], [False, True, True]]))
    [1, 1, 3, 2]
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]


def mask_to_polygons(mask: np.ndarray) -> list[list[int]]:
    """Trace an HxW mask along the edges of its pixels as COCO polygons [x0, y0, x1, y1, ...].

    Rasterised by pycocotools the polygons give back the same mask, bit for bit: holes are opened
    by cutting the mask into vertical strips through them, and lines one pixel wide keep their
    width. Contours of a mask enlarged twofold have even coordinates on left and top edges and
    odd ones on right and bottom edges, so `(u + 1) // 2` is the pixel edge.
    """
    double = np.repeat(np.repeat(mask.astype(np.uint8), 2, axis=0), 2, axis=1)
    contours, tree = cv2.findContours(double, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return []
    holes = [contour for contour, node in zip(contours, tree[0]) if node[3] >= 0]
    if not holes:
        return [_pixel_edges(contour) for contour in contours]
    # The border of a hole runs on the mask's pixels around it; its middle column is inside.
    middles = [int(hole[:, 0, 0].min() + hole[:, 0, 0].max() + 2) // 4 for hole in holes]
    cuts = [0, *sorted(set(middles)), mask.shape[1]]
    polygons = []
    for left, right in zip(cuts, cuts[1:]):
        strip = np.zeros_like(mask)
        strip[:, left:right] = mask[:, left:right]
        polygons.extend(mask_to_polygons(strip))
    return polygons


def _pixel_edges(contour: np.ndarray) -> list[int]:
    edges = (contour[:, 0, :] + 1) // 2
    moved = np.any(edges != np.roll(edges, 1, axis=0), axis=1)
    return edges[moved].ravel().tolist()


def encode_rle(mask: np.ndarray) -> dict:
    """Encode an HxW bool mask as COCO RLE `{"size": [H, W], "counts": str}`, ready for JSON.

    The same bytes as pycocotools writes. That turns the whole mask into columns first; here only
    the columns that hold any of it are, which for a scratch on a large photograph are few.
    """
    return encode_rle_part(mask, 0, 0, mask.shape)


def encode_rle_part(part: np.ndarray, top: int, left: int, size: Sequence[int]) -> dict:
    """Encode a mask of `size`, height and width, of which all that is set lies in a bool part.

    Args:
        top, left: where the part lies in the mask, px.
    """
    height, width = size
    columns = np.flatnonzero(part.any(axis=0))
    first, last = (columns[0], columns[-1] + 1) if len(columns) else (0, 0)
    pixels = np.zeros((last - first, height), bool)
    pixels[:, top : top + len(part)] = part[:, first:last].T
    # With an empty pixel at either end, every run of the mask begins and ends at a change.
    changes = np.flatnonzero(np.diff(pixels.ravel(), prepend=False, append=False))
    changes += (left + first) * height
    counts = np.diff(changes, prepend=0, append=height * width)
    if len(changes) and changes[-1] == height * width:
        counts = counts[:-1]
    size = [int(height), int(width)]
    rle = coco_mask.frPyObjects({"size": size, "counts": counts.tolist()}, *size)
    return {"size": size, "counts": rle["counts"].decode("ascii")}


def decode_rle(rle: dict) -> np.ndarray:
    """Decode COCO RLE to an HxW bool mask.

    >>> mask = np.array([[False, True], [False, True]])
    >>> bool((decode_rle(encode_rle(mask)) == mask).all())
    True
    """
    return coco_mask.decode(rle).astype(bool)


def decode_columns(rle: dict) -> tuple[np.ndarray, int]:
    """Decode only the columns of a COCO RLE mask from the first to the last that holds any of it.

    Returns them as HxW' bool, and the number of the first.
    """
    height, runs = rle["size"][0], parse_runs(rle["counts"])
    ends = np.cumsum(runs)
    last_set = len(runs) - 1 - len(runs) % 2  # runs of pixels that are set have odd numbers
    if last_set < 0:
        return np.zeros((height, 0), bool), 0
    first, last = int(runs[0]) // height, -(-int(ends[last_set]) // height)
    runs = runs[: last_set + 1].copy()
    runs[0] -= first * height
    pixels = np.zeros((last - first) * height, bool)
    pixels[: runs.sum()] = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return pixels.reshape(last - first, height).T, first


def to_rle(segmentation: list | dict, height: int, width: int) -> dict[str, Any]:
    """Turn a COCO segmentation, polygons or any RLE, into compressed RLE ready for JSON.

    Raises ValueError for an RLE of another size or whose runs do not add up to it, and for
    polygons that are none: an odd number of coordinates, no finite ones, far from the image.
    """
    if not isinstance(segmentation, dict):
        check_polygons(segmentation, height, width)
        rle = coco_mask.merge(coco_mask.frPyObjects(list(segmentation), height, width))
    else:
        if list(segmentation["size"]) != [height, width]:
            size = segmentation["size"]
            raise ValueError(f"the mask is {size}, its image {[height, width]} pixels")
        rle = segmentation
        check_runs(rle["counts"], height, width)
        if not isinstance(rle["counts"], str | bytes):
            rle = coco_mask.frPyObjects(rle, height, width)
    counts = rle["counts"]
    return {
        "size": [height, width],
        "counts": counts.decode("ascii") if isinstance(counts, bytes) else counts,
    }


def rle_areas(rles: Sequence[dict]) -> np.ndarray:
    """Count the pixels of K masks in compressed RLE; returns [K] float64."""
    starts = range(0, len(rles), MASKS_PER_CALL)
    blocks = [coco_mask.area(list(rles[start : start + MASKS_PER_CALL])) for start in starts]
    return np.concatenate([np.zeros(0), *blocks])


def union_of_rles(rles: list[dict], height: int, width: int) -> np.ndarray:
    """Return the union of RLE masks as HxW bool; no masks give an empty one."""
    if not rles:
        return np.zeros((height, width), dtype=bool)
    return decode_rle(merge_rles(rles))


def merge_rles(rles: Sequence[dict]) -> dict:
    """Return the union of one or more RLE masks of the same size as RLE."""
    return coco_mask.merge(list(rles))
