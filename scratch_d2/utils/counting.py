"""Counts in sentences."""


def count_of(count: int, one: str, many: str = "") -> str:
    """Return "1 image", or "1,200 images"; `many` is the plural if it is not `one` with an s.

    A verb may belong to the words: count_of(1, "file is", "files are").
    """
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
