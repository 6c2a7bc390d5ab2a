"""Read results of earlier runs: of scratch-d2 predict, or COCO results of any program."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from scratch_d2.evaluation.row_names import match_names
from scratch_d2.structures.labels import UNJUDGED
from scratch_d2.structures.masks import rle_areas, to_rle
from scratch_d2.structures.prediction import Prediction
from scratch_d2.structures.run_record import ROWS, find_rows
from scratch_d2.utils.counting import count_of

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class LoadedResults:
    """Results of an earlier run on the images of a dataset.

    Attributes:
        predictions: by image_id, of the images that have a result.
        p_bad: scores of the gate by image_id; {} without a gate.
        notes: sentences on results that were left out.
    """

    predictions: dict[Any, Prediction]
    p_bad: dict[Any, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_results(path: str | Path, dicts: Sequence[Mapping[str, Any]]) -> LoadedResults:
    """Read the output folder of scratch-d2 predict, or a file of COCO results with masks.

    In COCO results an image without an entry is an image without detections. Results for images
    that are not in the dataset are left out, with a note.

    Raises FileNotFoundError, or ValueError naming file, entry and what is accepted.
    """
    path = Path(path)
    if path.is_dir():
        return _read_rows(find_rows(path), dicts)
    if not path.is_file():
        raise FileNotFoundError(
            f"results {str(path)!r}: no such file; accepted are the output folder of "
            "scratch-d2 predict and a JSON file of COCO results"
        )
    try:
        entries = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not JSON ({error})") from None
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise ValueError(f"{path}: not COCO results; a list of entries is expected")
    if (path.parent / ROWS).is_file():
        raise ValueError(
            f"{path}: scratch-d2 predict numbers images by its rows; name its folder {path.parent}"
        )
    known = {item["image_id"] for item in dicts}
    if not all(isinstance(e.get("image_id"), int | str) for e in entries):
        raise ValueError(f"{path}: each entry needs an image_id, a number or a text")
    unknown = {e["image_id"] for e in entries} - known
    if entries and not known & {e["image_id"] for e in entries}:
        raise ValueError(
            f"{path}: none of its entries is for an image of the dataset; image_id is "
            f"{entries[0]['image_id']!r} in the first, {next(iter(known), None)!r} in the dataset"
        )
    notes = [_left_out(len(unknown), f"image_id {min(unknown, key=str)!r}")] if unknown else []
    fitting = [e for e in entries if e["image_id"] in known]
    return LoadedResults(to_predictions(fitting, dicts, path), notes=notes)


def _read_rows(path: Path, dicts: Sequence[Mapping[str, Any]]) -> LoadedResults:
    rows = _parse_rows(path)
    image_ids, notes = match_names([row["file"] for _, row in rows], dicts)
    files = [row["file"] for _, row in rows]
    unknown = [file for file, image_id in zip(files, image_ids) if image_id is None]
    if rows and len(unknown) == len(rows):
        raise ValueError(
            f"{path}: none of its images is in the dataset; the first is {unknown[0]!r}, seen from "
            f"{Path.cwd()}: run this where scratch-d2 predict ran"
        )
    entries, p_bad, unjudged = [], {}, []
    for (where, row), image_id in zip(rows, image_ids, strict=True):
        if image_id is None:
            continue
        if UNJUDGED in str(row.get("reason", "")):
            unjudged.append(row["file"])
        entries += [{**instance, "image_id": image_id} for instance in row["instances"]]
        if row["p_bad"] is not None:
            p_bad[image_id] = _score(row["p_bad"], path, f"{where}, p_bad")
    found = set(image_ids)
    predictions = to_predictions(entries, [d for d in dicts if d["image_id"] in found], path)
    notes += [_left_out(len(unknown), unknown[0])] if unknown else []
    if unjudged:
        notes.append(
            f"{count_of(len(unjudged), 'image')} could not be judged, as {unjudged[0]}; here the "
            "gate score alone counts, since the detector has not seen them"
        )
    return LoadedResults(predictions, p_bad, notes)


def _parse_rows(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Return the rows of inspected images, each with its place; ValueError if one is damaged."""
    rows, seen = [], set()
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        where = f"line {number}"
        try:
            row = json.loads(line)
            if row["status"] != "ok":
                continue
            needed = {name: row[name] for name in ("file", "instances", "p_bad")}
            if not isinstance(needed["file"], str) or not isinstance(needed["instances"], list):
                raise TypeError("file must be text, instances a list")
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"{path}, {where}: not a row of results ({error!r})") from None
        if row["file"] in seen:
            raise ValueError(f"{path}, {where}: a second row of {row['file']!r}")
        seen.add(row["file"])
        rows.append((where, row))
    return rows


def _left_out(count: int, first: str) -> str:
    images = count_of(count, "image")
    return f"results for {images} that the dataset does not have were left out, as {first}"


def to_predictions(
    entries: Sequence[Entry], dicts: Iterable[Mapping[str, Any]], path: Path
) -> dict[Any, Prediction]:
    """Turn COCO result entries into a prediction for each dataset dict, by image_id.

    Raises ValueError naming the image and the entry if box, score or mask are not usable, or
    if entries are of several categories.
    """
    categories = sorted({str(entry.get("category_id", 1)) for entry in entries})
    if len(categories) > 1:
        raise ValueError(
            f"{path}: results of the categories {', '.join(categories)}; those of one, scratch, "
            "are accepted"
        )
    by_image: dict[Any, list[Entry]] = {item["image_id"]: [] for item in dicts}
    for entry in entries:
        by_image[entry["image_id"]].append(entry)
    sizes = {item["image_id"]: (item["height"], item["width"]) for item in dicts}
    return {
        image_id: _to_prediction(image_id, own, sizes[image_id], path)
        for image_id, own in by_image.items()
    }


def _to_prediction(
    image_id: Any, entries: list[Entry], size: tuple[int, int], path: Path
) -> Prediction:
    where = f"image_id {image_id!r}"
    try:
        scores = [_score(entry["score"], path, f"{where}, score") for entry in entries]
        ordered = sorted(zip(scores, entries), key=lambda pair: -pair[0])
        corners = np.array([e["bbox"] for _, e in ordered], np.float32).reshape(-1, 4)
        corners[:, 2:] += corners[:, :2]
        masks = [_mask_of(entry, size) for _, entry in ordered]
        rle_areas(masks)  # raises for a damaged mask
        return Prediction(*size, corners, np.array([s for s, _ in ordered], np.float32), masks)
    except KeyError as error:
        raise ValueError(
            f"{path}, {where}: a result lacks {error}; bbox, score and segmentation are expected"
        ) from None
    except Exception as error:  # pycocotools raises what it likes for what is no mask
        text = " ".join(f"{error}".split()) or type(error).__name__
        raise ValueError(
            text if text.startswith(str(path)) else f"{path}, {where}: {text}"
        ) from None


def _mask_of(entry: Entry, size: tuple[int, int]) -> dict[str, Any]:
    try:
        return to_rle(entry["segmentation"], *size)
    except ValueError as error:
        raise ValueError(
            f"the result of score {entry['score']:g} at bbox {entry['bbox']}: {error}"
        ) from None


def _score(value: Any, path: Path, where: str) -> float:
    usable = isinstance(value, int | float) and not isinstance(value, bool)
    if not usable or not math.isfinite(value) or not 0 <= value <= 1:
        raise ValueError(f"{path}, {where}: {value!r}; accepted is a number in 0..1")
    return float(value)
