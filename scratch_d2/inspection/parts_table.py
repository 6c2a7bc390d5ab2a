"""Rows as tables of Apache Arrow, which Parquet files hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from scratch_d2.inspection.rows import Row

if TYPE_CHECKING:
    import pyarrow

NEEDED = "--format parquet needs pyarrow: pip install 'scratch_d2[ray]'"
# Columns that only some rows have, as they are in results.jsonl.
OPTIONAL = ("note", "overlay", "mask")
OF_ERRORS = ("image_id", "file", "status", "timestamp", "model_id", "error")


def schema() -> pyarrow.Schema:
    """Return the columns: the keys of a row, instances as a list of structures.

    Raises ImportError with the pip command if pyarrow is missing.
    """
    try:
        import pyarrow as pa
    except ImportError:
        raise ImportError(NEEDED) from None
    text, number, whole = pa.string(), pa.float64(), pa.int64()
    rle = pa.struct([("size", pa.list_(whole)), ("counts", text)])
    instance = [("bbox", pa.list_(number)), ("score", number), ("counted", pa.bool_())]
    instances = pa.list_(pa.struct([*instance, ("area", number), ("segmentation", rle)]))
    begin = [("image_id", whole), ("file", text), ("status", text), ("timestamp", text)]
    judged = [("verdict", text), ("area", number), ("area_unit", text), ("p_bad", number)]
    size = [("scratches", whole), ("reason", text), ("width", whole), ("height", whole)]
    more = [("note", text), ("overlay", text), ("mask", text), ("error", text)]
    return pa.schema([*begin, ("model_id", text), *judged, *size, ("instances", instances), *more])


def to_table(rows: Iterable[Row]) -> pyarrow.Table:
    """Return rows as a table; bytes that are not UTF-8 become escapes such as \\\\udcff."""
    import pyarrow as pa

    columns = schema()
    return pa.Table.from_pylist([_printable(row) for row in rows], columns)


def to_rows(table: pyarrow.Table) -> list[Row]:
    """Return the rows of a table, with the keys that results.jsonl has."""
    return [_strip(row) for row in table.to_pylist()]


def _printable(row: Row) -> Row:
    return {
        key: value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
        for key, value in row.items()
    }


def _strip(row: Mapping[str, Any]) -> Row:
    """Leave out the columns that a row of its status does not have."""
    if row["status"] == "error":
        return {key: row[key] for key in OF_ERRORS}
    return {
        key: value
        for key, value in row.items()
        if key != "error" and not (key in OPTIONAL and value is None)
    }
