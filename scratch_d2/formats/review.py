"""The answers of scratch-d2 review as labels: verdicts of a person, and the outlines they kept."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scratch_d2.formats.review_file import REVIEWS, Review, read_reviews, row_key
from scratch_d2.formats.sources import (
    ROWS,
    SCRATCH,
    counted_instances,
    score_threshold,
    short_name,
)
from scratch_d2.formats.values import LabelledImage, Labels, Problem, Shape
from scratch_d2.structures.labels import BAD, GOOD
from scratch_d2.structures.masks import to_rle
from scratch_d2.structures.run_record import check_run_folder
from scratch_d2.utils.counting import count_of


def is_review(source: Path) -> bool:
    """Whether a folder holds answers of scratch-d2 review."""
    return (source / REVIEWS).is_file()


def read_review(source: Path) -> Labels:
    """Yield the photographs of a results folder that a person has called Good or Bad.

    A Bad one has the outlines that count and were not struck out; a Good one has none. Skipped
    photographs, and those without an answer, are left out.

    Raises FileNotFoundError if nobody has reviewed the folder, or its photographs are elsewhere.
    """
    if not is_review(source):
        raise FileNotFoundError(
            f"{str(source)!r} holds no {REVIEWS}; accepted is a results folder that was reviewed "
            "with scratch-d2 review"
        )
    check_run_folder(source)
    reviews = read_reviews(source / REVIEWS)
    judged = {row: review for row, review in reviews.items() if review.decision in (GOOD, BAD)}
    least = score_threshold(source)
    with open(source / ROWS, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            where = f"{source / ROWS}, line {number}"
            try:
                row = json.loads(line)
                review = judged.pop(row_key(row), None) if row["status"] == "ok" else None
                if review is not None:
                    yield _to_image(row, review, where, least)
            except (ValueError, KeyError, TypeError) as error:
                yield Problem(where, f"not a row of results ({type(error).__name__}: {error})")
    if judged:
        answers = count_of(len(judged), "answer is", "answers are")
        yield Problem(str(source / REVIEWS), f"{answers} about other results than {ROWS} holds now")


def _to_image(row: Mapping[str, Any], review: Review, where: str, least: float) -> LabelledImage:
    file, height, width = Path(row["file"]), row["height"], row["width"]
    kept = [
        each
        for index, each in counted_instances(row, least).items()
        if review.decision == BAD and index not in review.struck
    ]
    return LabelledImage(
        name=short_name(file),
        where=where,
        folder=file.parent,
        shapes=tuple(Shape(SCRATCH, rle=to_rle(e["segmentation"], height, width)) for e in kept),
        tags=(str(review.decision),),
        size=(width, height),
        file=file,
    )
