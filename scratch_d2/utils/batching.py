"""Batches whose images need the same padding."""

from collections.abc import Sequence


def group_by_padding(sizes: Sequence[tuple[int, int]], step: int) -> list[list[int]]:
    """Group the indices of (height, width) sizes that are equal once rounded up to `step`.

    A network sees the padding of its batch. Images that need the same padding may share one, so
    that no result depends on the company of other images.
    """
    groups: dict[tuple[int, int], list[int]] = {}
    for index, (height, width) in enumerate(sizes):
        groups.setdefault((-(-height // step), -(-width // step)), []).append(index)
    return list(groups.values())
