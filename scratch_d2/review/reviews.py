"""reviews.jsonl: what a person said of results, one line per action, synced before the next one."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

REVIEWS = "reviews.jsonl"
GOOD, BAD, SKIP = "good", "bad", "skip"
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
        """Read a line; raises KeyError, TypeError or ValueError where it is something else."""
        decision, struck = values["decision"], values["struck"]
        if decision is not None and decision not in DECISIONS:
            raise ValueError(f"decision is {decision!r}; accepted are {', '.join(DECISIONS)}")
        if not all(isinstance(index, int) and index >= 0 for index in struck):
            raise ValueError(f"struck is {struck!r}; accepted are indices from 0 on")
        review = Review(decision, tuple(sorted(set(struck))))
        undo = values.get("action") == UNDO
        return cls(values["image_id"], str(values["file"]), str(values["row"]), review, undo)


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


class ReviewLog:
    """The file of reviews, opened for more: each action is on the disk before it counts.

    Attributes:
        reviews: the last review of each row, by `row_key`, those longest ago first.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.reviews: dict[str, Review] = {}
        self._past: list[tuple[Action, Review]] = []
        for action in read_actions(self.path):
            self._take(action)
        self._remove_torn_line()

    def of(self, row: str) -> Review:
        """Return the review of a row; one without a decision where there is none."""
        return self.reviews.get(row, NOTHING)

    def add(self, action: Action) -> None:
        """Append an action and wait until it is on the disk; raises OSError if it cannot be."""
        line = action.to_line().encode("utf-8")
        try:
            with open(self.path, "ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            self._remove_torn_line()
            reason = error.strerror or error
            raise OSError(f"{str(self.path)!r} cannot be written: {reason}") from None
        self._take(action)

    @property
    def can_undo(self) -> bool:
        """Whether there is an action to take back."""
        return bool(self._past)

    def undo(self) -> Action | None:
        """Take back the last action that was not taken back; returns what it is now, or None."""
        if not self._past:
            return None
        last, before = self._past[-1]
        action = Action(last.image_id, last.file, last.row, before, undo=True)
        self.add(action)
        return action

    def _take(self, action: Action) -> None:
        if action.undo and self._past:
            self._past.pop()
        elif not action.undo:
            self._past.append((action, self.of(action.row)))
        self.reviews.pop(action.row, None)
        self.reviews[action.row] = action.review

    def _remove_torn_line(self) -> None:
        if not self.path.is_file():
            return
        with open(self.path, "rb+") as file:
            content = file.read()
            whole = content.rfind(b"\n") + 1
            if whole < len(content):
                file.truncate(whole)
