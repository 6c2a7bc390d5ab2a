"""What can be exported: the labels of a dataset, or the results of scratch-d2 predict."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from scratch_d2.formats.values import LabelledImage, Labels, Problem, Shape
from scratch_d2.structures.dataset_dict import annotation_rle, verdict_of
from scratch_d2.structures.labels import BAD, GOOD, REVIEW
from scratch_d2.structures.masks import to_rle
from scratch_d2.structures.run_record import ROWS, SETTINGS, check_run_folder
from scratch_d2.structures.thresholds import Thresholds

SCRATCH = "scratch"


def is_results(source: Path) -> bool:
    """Whether a folder holds results of scratch-d2 predict."""
    return (source / ROWS).is_file()


def read_dataset(dicts: Iterable[Mapping[str, Any]]) -> Iterator[LabelledImage]:
    """Yield dataset dicts as labelled images: masks as RLE, crowd regions as boxes."""
    for item in dicts:
        file, size = Path(item["file_name"]), (item["width"], item["height"])
        annotations = item.get("annotations", [])
        boxes = [tuple(a["bbox"]) for a in annotations if a.get("iscrowd", 0)]
        rles = [annotation_rle(item, a) for a in annotations if not a.get("iscrowd", 0)]
        shapes = [Shape(SCRATCH, rle=rle) for rle in rles]
        shapes += [_to_crowd(box) for box in boxes if box != (0, 0, *size)]
        yield LabelledImage(
            name=short_name(file),
            where=str(file),
            folder=file.parent,
            shapes=tuple(shapes),
            tags=(verdict_of(item),),
            size=size,
            file=file,
        )


def _to_crowd(box: Any) -> Shape:
    x0, y0, x1, y1 = box
    return Shape(SCRATCH, box=(x0, y0, x1, y1), crowd=True)


def read_predictions(folder: Path, score: float | None = None) -> Labels:
    """Yield the rows of results.jsonl as labelled images.

    Detections on images that were judged Good are left out; images for review have no tag.

    Args:
        score: the lowest score of a detection, in 0..1; None takes the threshold of the run.

    Raises ValueError for a score outside of 0..1, FileNotFoundError if the photographs are
    elsewhere.
    """
    if score is not None and not 0 <= score <= 1:
        raise ValueError(f"score is {score:g}; accepted is a number in 0..1")
    check_run_folder(folder)
    return _read_rows(folder, score_threshold(folder) if score is None else score)


def _read_rows(folder: Path, least: float) -> Labels:
    with open(folder / ROWS, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            where = f"{folder / ROWS}, line {number}"
            try:
                yield _to_image(json.loads(line), where, least)
            except (ValueError, KeyError, TypeError) as error:
                yield Problem(where, f"not a row of results ({type(error).__name__}: {error})")


def score_threshold(folder: Path) -> float:
    """Return the lowest score, 0..1, that counted in the run of a results folder."""
    try:
        return float(json.loads((folder / SETTINGS).read_text("utf-8"))["score"])
    except (OSError, ValueError, KeyError, TypeError):
        return Thresholds().score


def _to_image(row: Mapping[str, Any], where: str, least: float) -> LabelledImage | Problem:
    file = Path(row["file"])
    if row["status"] != "ok":
        return Problem(where, str(row.get("error")))
    verdict, height, width = row["verdict"], row["height"], row["width"]
    if verdict not in (GOOD, BAD, REVIEW):
        raise ValueError(f"verdict is {verdict!r}; accepted are {GOOD}, {BAD} and {REVIEW}")
    shapes = (
        Shape(SCRATCH, rle=to_rle(each["segmentation"], height, width), score=each["score"])
        for each in counted_instances(row, least).values()
        if verdict != GOOD
    )
    return LabelledImage(
        name=short_name(file),
        where=where,
        folder=file.parent,
        shapes=tuple(shapes),
        tags=(verdict,) if verdict in (GOOD, BAD) else (),
        size=(width, height),
        file=file,
    )


def counted_instances(row: Mapping[str, Any], least: float) -> dict[int, Mapping[str, Any]]:
    """Return the instances of a row with at least a score, by their index.

    Raises ValueError for a score that is no number in 0..1: whether it counts is not known.
    """
    instances = dict(enumerate(row["instances"]))
    for each in instances.values():
        if not 0 <= each["score"] <= 1:
            raise ValueError(f"a score is {each['score']!r}; accepted is a number in 0..1")
    return {index: each for index, each in instances.items() if each["score"] >= least}


def short_name(path: Path) -> str:
    """Return a path below its last good/ or bad/, or its name without either."""
    named = [i for i, part in enumerate(path.parts[:-1]) if part.lower() in (GOOD, BAD)]
    return "/".join(path.parts[named[-1] + 1 :]) if named else path.name
