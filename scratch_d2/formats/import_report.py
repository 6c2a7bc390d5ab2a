"""What an import wrote and what it left out."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class ImportReport:
    """What an import wrote, and what it left out.

    Attributes:
        good, bad: images that were written, by verdict.
        masks, boxes, unmarked: Bad images with a mask, with boxes, and with neither.
        scratches: marked regions that were used.
        clipped, crossing: those that reached out of their image, or cross themselves.
        unlabelled, skipped: images that nobody labelled, and how many of them were left out.
        unlisted: images in the folder that no labels name.
        linked, copied: images that are hard links to their source, or copies.
        renamed: images that have another name now.
        unknown: how often each class that is not mapped is there.
        left_out: images that were not written, one sentence each.
        dropped: marked regions that were not used, and other labels, one sentence each.
    """

    good: int = 0
    bad: int = 0
    masks: int = 0
    boxes: int = 0
    unmarked: int = 0
    scratches: int = 0
    clipped: int = 0
    crossing: int = 0
    unlabelled: int = 0
    skipped: int = 0
    unlisted: int = 0
    linked: int = 0
    copied: int = 0
    renamed: int = 0
    unknown: Counter[str] = field(default_factory=Counter)
    left_out: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)

    @property
    def images(self) -> int:
        """How many images were written."""
        return self.good + self.bad

    @property
    def is_complete(self) -> bool:
        """Whether nothing was left out but what the user wanted to be."""
        return not (self.left_out or self.dropped or self.unknown)

    def to_dict(self) -> dict[str, Any]:
        """Return the report, ready for JSON."""
        return {**vars(self), "unknown": dict(self.unknown)}
