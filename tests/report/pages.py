"""Reports of simulated images, and what a browser shows of them."""

import math
from pathlib import Path

import numpy as np
import pytest

from scratch_d2.evaluation.images import judge_images, make_image_table
from scratch_d2.metrics.image_metrics import image_metrics
from scratch_d2.report import write_report
from scratch_d2.structures.masks import mask_to_polygons
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.structures.verdict import decide
from tests.builders import draw_label, predict_boxes, rectangles, save

SAVED = Thresholds(area=200.0, gate_threshold=0.1)
HOSTILE = (
    "<!--<script><b>.png",
    "a\"b'&amp;<!--.png",
    "zeilen\numbruch.png",
    "\u00fc{{css}}\u2028.png",
)
FIGURES = [f"{m}_{c}" for m in ("precision", "recall", "F1") for c in ("bad", "good", "macro")]
FIGURES += ["accuracy", "AUC", "AP_bad"]


def simulate(folder, bad, gated=True, seed=0):
    """Dataset dicts, predictions and table of labels with scratches, half right, in two families.

    `bad` holds one truth per image.
    """
    rng = np.random.default_rng(seed)
    dicts, predictions = [], {}
    for index, is_bad in enumerate(bad):
        name = f"Code{index:05d}.png" if index % 2 else f"03_08_2024_{index}_classifier_input.png"
        name = HOSTILE[index // 5] if index % 5 == 0 and index < 20 else name
        file = save(draw_label(rng), Path(folder) / ("bad" if is_bad else "good") / name)
        box = (6, 16, 6 + int(rng.integers(5, 40)), 36)
        scratch = {"segmentation": mask_to_polygons(rectangles(64, 96, box)), "iscrowd": 0}
        dicts.append(
            {
                "image_id": 100 + index,
                "file_name": str(file),
                "height": 64,
                "width": 96,
                "verdict": "bad" if is_bad else "good",
                "annotations": [scratch] if is_bad else [],
                "group": str(index // 2),
            }
        )
        width = int(rng.integers(1, 50)) if is_bad else int(rng.integers(-20, 20))
        found = {(4, 18, 4 + width, 36): 0.9} if width > 0 else {}
        predictions[100 + index] = predict_boxes(64, 96, found)
    p_bad = np.where(bad, rng.beta(3, 2, len(bad)), rng.beta(1, 5, len(bad))) if gated else None
    return dicts, predictions, make_image_table(dicts, predictions, p_bad, SAVED)


def write(folder, bad, gated=True, results=None, thresholds=SAVED, about=None, **options):
    """Write a report of simulated images; return its path and their table."""
    dicts, predictions, images = simulate(folder, bad, gated, **options)
    about = {"dataset": "tests </script>", "data_sha256": "ab12"} if about is None else about
    return (
        write_report(folder / "out", dicts, predictions, images, results or {}, thresholds, about),
        images,
    )


def settle(page):
    """Wait until the gallery has followed the thresholds."""
    page.evaluate("new Promise(go => requestAnimationFrame(() => requestAnimationFrame(go)))")


def set_input(page, selector, value):
    page.locator(selector).evaluate(
        "(e, v) => { e.value = v; e.dispatchEvent(new Event('input', {bubbles: true})); }", value
    )
    settle(page)


def shown_figures(page):
    """{judge_metric: figure}, all digits, as the table of figures holds them."""
    cells = page.locator("#figures [data-figure]").evaluate_all(
        "cells => cells.map(cell => [cell.dataset.figure, cell.title])"
    )
    return {key: float(text) if text[0].isdigit() else math.nan for key, text in cells}


def counted(page):
    cells = page.locator("#confusion [data-figure]").evaluate_all(
        "cells => cells.map(cell => [cell.dataset.figure, Number(cell.firstChild.textContent)])"
    )
    return dict(cells)


def expected_figures(images, thresholds):
    return {
        f"{judge}_{name}": value
        for judge, (called, score) in judge_images(images, thresholds).items()
        for name, value in image_metrics(images.y_true, called, score).items()
        if name in FIGURES
    }


def verdicts(images, thresholds):
    p_bads = [None] * len(images) if images.p_bad is None else images.p_bad
    pairs = zip(images.area, p_bads)
    return [decide(area, p, thresholds) for area, p in pairs]


def counted_in_python(images, thresholds):
    """How many images of each truth get each verdict, by the names of the page's cells."""
    banded = thresholds.review_band is not None
    pairs = list(zip(np.where(images.y_true, "bad", "good").tolist(), verdicts(images, thresholds)))
    labels = ("good", "review", "bad") if banded else ("good", "bad")
    return {f"{t}_labelled_{v}": pairs.count((t, v)) for t in ("good", "bad") for v in labels}


def check(page, images, thresholds):
    """The page says of these thresholds what Python says."""
    assert shown_figures(page) == pytest.approx(
        expected_figures(images, thresholds), rel=1e-14, nan_ok=True
    )
    expected = counted_in_python(images, thresholds)
    assert counted(page) == expected
    assert page.locator("#tally-missed").inner_text() == str(expected["bad_labelled_good"])
    assert page.locator("#tally-alarm").inner_text() == str(expected["good_labelled_bad"])
