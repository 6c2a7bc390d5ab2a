"""reviews.jsonl: what a person said of results, one line per action, each on its own."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from scratch_d2.structures.labels import BAD, GOOD

REVIEWS = "reviews.jsonl"
SKIP = "skip"
DECISIONS = (GOOD, BAD, SKIP)
UNDO = "undo"


@dataclass(frozen=True)
class Review:
    """What a person said of one photograph.

    Attributes:
        decision: "good", "bad", "skip", or None while there is none.
        struck: indices of the wrong outlines among the instances of the row, ascending.
    """

    decision: str | None = None
    struck: tuple[int, ...] = ()


NOTHING = Review()


@dataclass(frozen=True)
class Action:
    """One line of reviews.jsonl: the review of a photograph after an action.

    Attributes:
        row: `row_key` of the row of results that was reviewed.
        undo: whether the action took back the one before it.
    """

    image_id: int
    file: str
    row: str
    review: Review
    undo: bool = False

    def to_line(self) -> str:
        """Return the action as JSON, with the time in UTC."""
        content = {
            "image_id": self.image_id,
            "file": self.file,
            "row": self.row,
            "decision": self.review.decision,
            "struck": list(self.review.struck),
            **({"action": UNDO} if self.undo else {}),
            "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        }
        return json.dumps(content) + "\n"

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Action":
        """Read a line; raises KeyError, TypeError or ValueError if it is something else."""
        decision, struck = values["decision"], values["struck"]
        if decision is not None and decision not in DECISIONS:
            raise ValueError(f"decision is {decision!r}; accepted are {', '.join(DECISIONS)}")
        if not all(isinstance(index, int) and index >= 0 for index in struck):
            raise ValueError(f"struck is {struck!r}; accepted are indices from 0 on")
        review = Review(decision, tuple(sorted(set(struck))))
        undo = values.get("action") == UNDO
        return cls(values["image_id"], str(values["file"]), str(values["row"]), review, undo)


def row_key(row: Mapping[str, Any]) -> str:
    """Return 16 digits that stand for a row of results.jsonl: its photograph and what was found.

    Rows of one photograph by the same models are alike, whenever they were written. Raises KeyError
    or TypeError if it is not the row of an inspected photograph.
    """
    found = [[each["score"], each["segmentation"]] for each in row["instances"]]
    content = [row["image_id"], row["file"], row.get("p_bad"), found]
    return hashlib.sha256(json.dumps(content).encode("ascii")).hexdigest()[:16]


def read_actions(path: str | Path) -> Iterator[Action]:
    """Yield the actions in a file of reviews; none without a file.

    An incomplete last line, which a killed run may leave, is left out. Raises ValueError naming the
    file and the line for any other line that is no action.
    """
    if not Path(path).is_file():
        return
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                action = Action.from_dict(json.loads(line))
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise ValueError(f"{path}, line {number}: not a review ({error!r})") from None
            yield action


def read_reviews(path: str | Path) -> dict[str, Review]:
    """Return the last review of each row, by `row_key`, those longest ago first."""
    reviews: dict[str, Review] = {}
    for action in read_actions(path):
        reviews.pop(action.row, None)
        reviews[action.row] = action.review
    return reviews
