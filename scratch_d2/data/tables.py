"""Read the CSV tables that may lie beside good/ and bad/, also as Excel writes them."""

import csv
import io
from pathlib import Path


def read_table(path: Path, accepted: str) -> list[tuple[int, list[str]]]:
    """Return the numbers and cells of the lines of a table; the header is the first.

    Args:
        accepted: what an error names as accepted.

    Raises ValueError naming the file if it is no table, or empty.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not a text in UTF-8; {accepted}") from None
    separator = ";" if ";" in text.partition("\n")[0] else ","
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=separator))
    except csv.Error as error:
        raise ValueError(f"{path}: {error}; {accepted}") from None
    if not rows:
        raise ValueError(f"{path}: the file is empty; {accepted}")
    rows[0] = [cell.strip() for cell in rows[0]]
    return [(number, row) for number, row in enumerate(rows, 1) if row]
