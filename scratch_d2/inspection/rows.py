"""The rows of results.jsonl, one per photograph, and the files derived from them."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from scratch_d2.data.coco import CATEGORY_ID, to_coco_results
from scratch_d2.inspection.inputs import InputFile
from scratch_d2.inspection.inspector import Inspection
from scratch_d2.structures.areas import counts, instance_areas
from scratch_d2.structures.run_record import RAN_IN, SUMMARY
from scratch_d2.structures.thresholds import Thresholds

BLOCK = 1 << 16
RESUMABLE = "the rows before are saved, --resume continues after them"
Row = dict[str, Any]


@contextmanager
def writing(path: Path, advice: str = RESUMABLE) -> Iterator[None]:
    """Turn a failure to write, as on a full disk, into an OSError that says what to do."""
    try:
        yield
    except OSError as error:
        raise OSError(
            f"{str(path)!r} cannot be written: {error.strerror or error}; {advice}"
        ) from None


def now() -> str:
    """Return the time in UTC by ISO 8601, to the millisecond."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def ok_row(
    image_id: int,
    input_file: InputFile,
    inspection: Inspection,
    thresholds: Thresholds,
    model_id: str | None = None,
) -> Row:
    """Return the row of an inspected image; `scratches` is the number of counted instances."""
    verdict, prediction = inspection.verdict, inspection.prediction
    counted = counts(prediction, thresholds).tolist()
    instances = []
    areas = instance_areas(prediction, thresholds)
    results = to_coco_results(image_id, prediction)
    for result, area, is_counted in zip(results, areas, counted, strict=True):
        instances.append(
            {
                "bbox": result["bbox"],
                "score": result["score"],
                "counted": is_counted,
                "area": area,
                "segmentation": result["segmentation"],
            }
        )
    return {
        **_begin_row(image_id, input_file, "ok", model_id),
        "verdict": verdict.label,
        "area": verdict.area,
        "area_unit": thresholds.area_unit,
        "p_bad": verdict.p_bad,
        "scratches": sum(counted),
        "reason": verdict.reason,
        "width": prediction.width,
        "height": prediction.height,
        "instances": instances,
    }


def error_row(
    image_id: int, input_file: InputFile, reason: str, model_id: str | None = None
) -> Row:
    """Return the row of a file that could not be read or inspected."""
    return {**_begin_row(image_id, input_file, "error", model_id), "error": reason}


def _begin_row(image_id: int, input_file: InputFile, status: str, model_id: str | None) -> Row:
    row = {"image_id": image_id, "file": str(input_file.path), "status": status}
    row |= {"timestamp": now(), "model_id": model_id}
    return row if input_file.stamp is None else {**row, "stamp": list(input_file.stamp)}


class RowFile:
    """results.jsonl, appended and synced batch by batch, so that it holds whole rows only."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, rows: list[Row]) -> None:
        """Append rows and wait until they are on the disk.

        Raises OSError naming the file if they cannot be written, as on a full disk; earlier rows
        are saved.
        """
        content = "".join(json.dumps(row) + "\n" for row in rows).encode("utf-8")
        with writing(self.path), open(self.path, "ab") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def repair(self) -> None:
        """Remove an incomplete last line, which a killed run may leave."""
        if not self.path.is_file():
            return
        with open(self.path, "rb+") as file:
            end = file.seek(0, os.SEEK_END)
            while end > 0:
                begin = max(0, end - BLOCK)
                file.seek(begin)
                newline = file.read(end - begin).rfind(b"\n")
                if newline >= 0:
                    end = begin + newline + 1
                    break
                end = begin
            file.truncate(end)

    def count(self) -> int:
        """Return the number of rows."""
        if not self.path.is_file():
            return 0
        with open(self.path, "rb") as file:
            return sum(1 for _ in file)

    def keep(self, count: int) -> None:
        """Remove all rows after the first `count`."""
        with open(self.path, "rb+") as file:
            for _ in range(count):
                file.readline()
            file.truncate(file.tell())

    def __iter__(self) -> Iterator[Row]:
        if not self.path.is_file():
            return
        with open(self.path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                try:
                    yield json.loads(line)
                except ValueError as error:
                    raise ValueError(f"{self.path}, line {number}: not JSON ({error})") from None


def write_derived(
    rows: RowFile,
    folder: Path,
    settings: dict[str, Any],
    inputs: dict[str, Any] | None = None,
    advice: str = RESUMABLE,
    ran_in: str | None = None,
) -> dict[str, Any]:
    """Write coco_instances_results.json and summary.json from the rows.

    Args:
        inputs: of a shard, what it says of all inputs; goes into the summary.
        advice: what to do if they cannot be written.
        ran_in: folder to which the names of files are relative; None is the working directory.

    Returns the summary: counts by verdict, the unreadable files, the settings, and that folder.
    """
    verdicts: Counter[str] = Counter({"good": 0, "bad": 0, "review": 0})
    errors = []
    coco_path = folder / "coco_instances_results.json"
    with writing(folder, advice), open(coco_path, "w", encoding="utf-8") as coco:
        coco.write("[")
        separator = ""
        for row in rows:
            if row["status"] == "error":
                errors.append({"file": row["file"], "error": row["error"]})
                continue
            verdicts[row["verdict"]] += 1
            for entry in row["instances"]:
                ids = {"image_id": row["image_id"], "category_id": CATEGORY_ID}
                fields = {key: entry[key] for key in ("bbox", "score", "segmentation")}
                coco.write(separator + json.dumps({**ids, **fields}))
                separator = ",\n"
        coco.write("]\n")
    summary = {
        "images": sum(verdicts.values()) + len(errors),
        "verdicts": dict(verdicts),
        "unreadable": errors,
        "settings": settings,
        RAN_IN: ran_in or str(Path.cwd()),
    }
    if inputs is not None:
        summary["inputs"] = inputs
    with writing(folder, advice):
        (folder / SUMMARY).write_text(json.dumps(summary, indent=2) + "\n", "utf-8")
    return summary
