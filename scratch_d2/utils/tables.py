"""Tables for the terminal and for Markdown documents."""

from collections.abc import Sequence

from tabulate import tabulate


def format_table(
    rows: Sequence[Sequence[object]], headers: Sequence[str] = (), markdown: bool = False
) -> str:
    """Format rows of equal length; the first column is aligned left, the others right.

    Values are written as `str` writes them. Without rows only the headers are formatted.
    """
    width = len(rows[0]) if rows else len(headers)
    align = ["left", *["right"] * (width - 1)] if rows else None
    style = "pipe" if markdown else "plain"
    return tabulate(rows, headers, style, disable_numparse=True, colalign=align)
