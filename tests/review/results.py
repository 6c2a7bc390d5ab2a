"""A results folder as scratch-d2 predict leaves it, and a server that reviews it."""

import json
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np

from scratch_d2.structures.areas import scratch_area
from scratch_d2.structures.masks import encode_rle
from scratch_d2.structures.thresholds import Thresholds
from tests.builders import draw_label, rectangles, save
from tests.web.servers import running

THRESHOLDS = Thresholds(area=300.0, gate_threshold=0.2, gate_upper_threshold=0.9)
HOSTILE = "<img src=x onerror=alert(1)>&quot;.png"
SCRATCH, BESIDE, FAINT = (6, 20, 46, 30), (60, 20, 80, 40), (2, 2, 8, 8)


def make_row(image_id, file, verdict="bad", p_bad=0.5, boxes=None, **more):
    """A row of a 64x96 photograph with filled boxes {(x0, y0, x1, y1): score}."""
    masks = [(rectangles(64, 96, box), score) for box, score in (boxes or {}).items()]
    instances = [
        {
            "bbox": [0, 0, 1, 1],
            "score": score,
            "area": scratch_area(mask),
            "segmentation": encode_rle(mask),
        }
        for mask, score in masks
    ]
    area = sum(each["area"] for each in instances if each["score"] >= THRESHOLDS.score)
    return {
        "image_id": image_id,
        "file": str(file),
        "status": "ok",
        "verdict": verdict,
        "area": area,
        "area_unit": "pixel",
        "p_bad": p_bad,
        "scratches": len(instances),
        "reason": f"reason of {image_id}",
        "width": 96,
        "height": 64,
        "instances": instances,
        **more,
    }


def write_rows(folder, rows):
    """Write rows, and the settings of the run that made them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    settings = {**asdict(THRESHOLDS), "weights": "a.pth", "white_level": 0.0}
    (folder / "settings.json").write_text(json.dumps(settings), "utf-8")
    return folder


def write_results(tmp_path, count=6):
    """Results of `count` photographs, of two scratches each, and of one unreadable file.

    The first is clear, the second has a hostile name, the last is for review and comes first.
    """
    rng, rows = np.random.default_rng(0), []
    for index in range(count):
        name = HOSTILE if index == 1 else f"label {index}.png"
        file = save(draw_label(rng), tmp_path / "photographs" / name)
        verdict = "review" if index == count - 1 else "bad"
        p_bad = 0.999 if index == 0 else 0.9 + 0.005 * index
        rows.append(make_row(index, file, verdict, p_bad, {SCRATCH: 0.9, BESIDE: 0.8, FAINT: 0.1}))
    gone = {"image_id": count, "file": "gone.png", "status": "error", "error": "no such file"}
    return write_rows(tmp_path / "results", [*rows, gone])


@contextmanager
def serving(folder, count=None):
    """Serve the review of a folder from a thread; yields its address."""
    from scratch_d2.review.app import make_app
    from scratch_d2.review.session import open_session

    with open_session(folder, count) as session, running(make_app(session)) as url:
        yield url


def lines(folder):
    """The actions in a folder's reviews.jsonl."""
    text = Path(folder, "reviews.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]
