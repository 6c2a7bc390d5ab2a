"""Statistics of datasets: verdicts, sizes, grey levels, and what masks mark."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from scratch_d2.data.images import ImageError, read_batches
from scratch_d2.structures.dataset_dict import annotation_rle, mask_of, scratches_of, verdict_of
from scratch_d2.structures.labels import BAD
from scratch_d2.utils.opencv import cv2
from scratch_d2.utils.progress import track

Statistics = dict[str, float]
QUANTILES = {5: "5%", 25: "25%", 50: "median", 75: "75%", 95: "95%"}
ENDS = {5: "5%", 10: "10%", 50: "median", 95: "95%"}


@dataclass(frozen=True)
class Measure:
    """One row of the table.

    Attributes:
        title: what is measured, and its unit.
        digits: decimals shown.
        real: value of the real photographs, or None if it is not published.
        tolerance: accepted deviation of a dataset, as a share of `real`; None for no judgement.
    """

    title: str
    digits: int = 0
    real: float | None = None
    tolerance: float | None = None


def _quantiles(
    key: str, title: str, digits: int = 0, *median: float, shown: Mapping[int, str] = QUANTILES
) -> dict[str, Measure]:
    """Return rows of quantiles; `median` is its real value and tolerance, if they are known."""
    return {
        f"{key}_{q}": Measure(f"{title}: {name}", digits, *(median if q == 50 else ()))
        for q, name in shown.items()
    }


# The real set: 5,180 grey photographs of labels stored as RGB PNG, with one mask for each Bad one.
# Its grey levels are taken over all pixels of all images, so that large images weigh more.
# The tolerances are our choice: 20% for verdicts and masks, 5 to 10% for sizes and grey levels, 25
# to 50% for extremes, which small sets do not reach.
MEASURES: dict[str, Measure] = {
    "photographs": Measure("photographs", real=5180),
    "good": Measure("Good", real=4157),
    "bad": Measure("Bad", real=1023),
    "bad_without_mask": Measure("Bad without a mask", real=0),
    "bad_share": Measure("share of Bad, %", 1, 19.7, 0.2),
    "side_min": Measure("shortest side, px", 0, 90, 0.25),
    "side_max": Measure("longest side, px", 0, 330, 0.25),
    "width_mean": Measure("width, px: mean", 0, 286, 0.1),
    "height_mean": Measure("height, px: mean", 0, 141, 0.1),
    **_quantiles("long_side", "longer side, px", shown=ENDS),
    **_quantiles("short_side", "shorter side, px", shown=ENDS),
    "file_mean": Measure("file size, kB: mean", 1, 43, 0.2),
    "grey_mean": Measure("grey of all pixels: mean", 0, 184, 0.05),
    "grey_std": Measure("grey of all pixels: standard deviation", 0, 82, 0.1),
    **_quantiles("image_grey", "mean grey of an image"),
    "coverage_mean": Measure("mask coverage, %: mean", 2, 4.3, 0.2),
    "coverage_min": Measure("mask coverage, %: least", 2, 0.25, 0.5),
    **_quantiles("coverage", "mask coverage, %", 2, 3.5, 0.2),
    "coverage_max": Measure("mask coverage, %: most", 2, 14.5, 0.25),
    "regions_min": Measure("regions of a mask: least", 0, 1, 0.0),
    **_quantiles("regions", "regions of a mask", 0, 1, 0.0),
    "regions_max": Measure("regions of a mask: most", 0, 11, 0.25),
    **_quantiles("scratch_short", "shorter side of a scratch's box, px", shown=ENDS),
    **_quantiles("scratch_size", "root of the area of its box, px", shown=ENDS),
    **_quantiles("scratch_ratio", "longer by shorter side of it", 1, shown=ENDS),
}


def measure_dataset(dicts: Sequence[Mapping[str, Any]], progress: bool = False) -> Statistics:
    """Measure a dataset.

    Images are read one by one; memory grows by a few numbers per image.

    Args:
        dicts: Detectron2's dataset dicts with polygons or RLE.
        progress: whether to say how far it is, on standard error.

    Returns:
        One value for each key of `MEASURES`, in the unit of its title; nan if there is nothing to
        measure. Bad images without a mask do not count for masks.

    Raises:
        ValueError: there is no image.
        ImageError: an image cannot be read; the message names it.
    """
    if not dicts:
        raise ValueError("a dataset without photographs cannot be described")
    verdicts = [verdict_of(item) for item in dicts]
    marked = [item for item in dicts if scratches_of(item)]
    sides = np.array([(item["width"], item["height"]) for item in dicts])
    kilobytes = [Path(item["file_name"]).stat().st_size / 1000 for item in dicts]
    bad = verdicts.count(BAD)
    statistics: Statistics = {
        **measure_sizes(dicts),
        "good": len(dicts) - bad,
        "bad_without_mask": bad - sum(verdict_of(item) == BAD for item in marked),
        "bad_share": 100 * bad / len(dicts),
        "side_min": sides.min(),
        "side_max": sides.max(),
        "width_mean": sides[:, 0].mean(),
        "height_mean": sides[:, 1].mean(),
        "file_mean": float(np.mean(kilobytes)),
        **_measure_grey(_histograms(dicts, progress)),
        **_spread("regions", [len(scratches_of(item)) for item in marked]),
    }
    return {key: float(statistics[key]) for key in MEASURES}


def measure_sizes(dicts: Sequence[Mapping[str, Any]]) -> Statistics:
    """Measure the sides of images and scratches, px, without reading an image.

    Returns the keys of `MEASURES` that begin with long_side, short_side and scratch, and
    "photographs", "bad" and "coverage".
    """
    marked = [item for item in dicts if scratches_of(item)]
    sides = np.array([(item["width"], item["height"]) for item in dicts]).reshape(-1, 2)
    rles = [annotation_rle(item, scratch) for item in marked for scratch in scratches_of(item)]
    box = np.maximum(coco_mask.toBbox(rles).reshape(-1, 4)[:, 2:], 1)
    verdicts = [verdict_of(item) for item in dicts]
    return {
        "photographs": len(dicts),
        "bad": verdicts.count(BAD),
        **_spread("long_side", sides.max(axis=1).tolist()),
        **_spread("short_side", sides.min(axis=1).tolist()),
        **_spread("coverage", [100 * mask_of(item).mean() for item in marked]),
        **_spread("scratch_short", box.min(axis=1).tolist()),
        **_spread("scratch_size", np.sqrt(box.prod(axis=1)).tolist()),
        **_spread("scratch_ratio", (box.max(axis=1) / box.min(axis=1)).tolist()),
    }


def _histograms(dicts: Sequence[Mapping[str, Any]], progress: bool) -> Iterator[np.ndarray]:
    """Yield how often each grey level 0..255 occurs in each image, [256] int."""
    paths = [Path(item["file_name"]) for item in dicts]
    reads = chain.from_iterable(read_batches(paths, 16))
    for _, image, reason in track(reads, "measuring", len(paths), show=progress):
        if image is None:
            raise ImageError(reason)
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        yield np.bincount(grey.ravel(), minlength=256)


def _measure_grey(histograms: Iterator[np.ndarray]) -> Statistics:
    levels, total, means = np.arange(256), np.zeros(256, np.int64), []
    for histogram in histograms:
        total += histogram
        means.append(np.average(levels, weights=histogram))
    mean = np.average(levels, weights=total)
    variance = np.average((levels - mean) ** 2, weights=total)
    return {"grey_mean": mean, "grey_std": math.sqrt(variance), **_spread("image_grey", means)}


def _spread(key: str, values: Sequence[float]) -> Statistics:
    array = np.array(values or [math.nan])
    ends = {"min": array.min(), "mean": array.mean(), "max": array.max()}
    quantiles = {str(q): np.quantile(array, q / 100) for q in {**QUANTILES, **ENDS}}
    return {f"{key}_{name}": value for name, value in {**ends, **quantiles}.items()}
