"""The file of reviews of a session: every action is on the disk before it counts."""

import os
from pathlib import Path

from scratch_d2.formats.review_file import NOTHING, Action, Review, read_actions


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
        """Return the review of a row; one without a decision if there is none."""
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
