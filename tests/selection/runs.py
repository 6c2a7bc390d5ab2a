"""Results of prediction runs, written as scratch-d2 predict writes them, and a gate for them."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from scratch_d2.structures.thresholds import Thresholds
from tests.builders import save

THRESHOLDS = Thresholds(area=500.0, gate_threshold=0.2, gate_upper_threshold=0.9)
CLEAR = (0.0, 0.001)  # area and p(Bad) of a verdict beyond doubt


class ColourGate:
    """Embeds an image as its mean colour, scaled to length 1."""

    def embed(self, images: list[np.ndarray]) -> np.ndarray:
        means = np.array([image.mean(axis=(0, 1)) for image in images]).reshape(-1, 3)
        return (means / np.linalg.norm(means, axis=1, keepdims=True)).astype(np.float32)


def photograph(seed: int, colour: tuple[int, int, int] = (200, 200, 200)) -> np.ndarray:
    """A 64x96 photograph of blocks that no other seed has, in one colour and black."""
    blocks = np.random.default_rng(seed).integers(0, 2, (8, 12))
    return (np.kron(blocks, np.ones((8, 8)))[..., None] * colour).astype(np.uint8)


def ok_row(file: Path, area: float, p_bad: float | None, **more: Any) -> dict[str, Any]:
    row = {"file": str(file), "status": "ok", "verdict": "good", "area": area, "p_bad": p_bad}
    return {**row, "reason": "", "instances": [], **more}


def write_run(folder: Path, rows: list[dict[str, Any]], gate: Path, **settings: Any) -> Path:
    """Write results.jsonl and settings.json."""
    folder.mkdir(parents=True)
    (folder / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    stated = {
        **asdict(THRESHOLDS),
        "review_band": [],
        "weights": "d.pth",
        "gate_weights": str(gate),
    }
    (folder / "settings.json").write_text(json.dumps({**stated, **settings}))
    return folder


def write_photographs(folder: Path, count: int, first: int = 0) -> list[Path]:
    return [
        save(photograph(first + index), folder / f"{first + index:04d}.png")
        for index in range(count)
    ]
