import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

from scratch_d2.evaluation.images import judge_images, make_image_table
from scratch_d2.metrics.image_metrics import image_metrics
from scratch_d2.report import page as report_page
from scratch_d2.report import write_report
from scratch_d2.structures.thresholds import Thresholds
from tests.builders import predict_boxes
from tests.report.pages import (
    HOSTILE,
    SAVED,
    check,
    counted,
    expected_figures,
    set_input,
    settle,
    simulate,
    verdicts,
    write,
)


def test_figures_follow_the_thresholds_as_in_python(visit, written):
    page, images = visit(written[0]), written[1]
    check(page, images, SAVED)
    assert page.locator("#reset").is_disabled()
    steps = int(page.locator("#area-slider").get_attribute("max"))
    assert steps == len(set(images.area))
    for place, skip in ((0, 0.0), (3, 0.15), (steps // 2, float(images.p_bad[3])), (steps, 1.0)):
        set_input(page, "#area-slider", place)
        set_input(page, "#gate-number", skip)
        area = float(page.locator("#area-number").input_value())
        lowest_bad = [*sorted(set(images.area)), np.inf][place]
        assert sum(images.area >= area) == sum(images.area >= lowest_bad)
        check(page, images, Thresholds(area=area, gate_threshold=skip))
        passed = sum(images.p_bad < skip)
        share = f"{passed} ({100 * passed / 40:.1f}%)"
        assert page.locator("#tally-skipped").inner_text() == share
    page.click("#reset")
    check(page, images, SAVED)


def test_review_counts_as_bad_and_apart(visit, written):
    page, images = visit(written[0]), written[1]
    page.check("#review-on")
    low, high = float(images.area[2]), 300.0
    set_input(page, "#review-low", low)
    set_input(page, "#review-high", high)
    thresholds = Thresholds(area=200.0, gate_threshold=0.1, review_band=(low, high))
    check(page, images, thresholds)
    assert counted(page)["bad_labelled_review"] + counted(page)["good_labelled_review"] > 0
    set_input(page, "#review-high", low)  # an empty band is refused and changes nothing
    assert "larger" in page.locator("#review-problem").inner_text()
    check(page, images, thresholds)


def test_intervals_follow_the_thresholds(visit, written):
    page, images = visit(written[0]), written[1]
    set_input(page, "#gate-number", 0)
    set_input(page, "#area-number", 0)
    called, score = judge_images(images, Thresholds(area=0.0, gate_threshold=0.0))["both"]
    expected = image_metrics(images.y_true, called, score, images.group)
    page.locator("#tile-recall_bad-interval", has_text=" to ").wait_for()
    ends = map(float, page.locator("#tile-recall_bad-interval").inner_text().split(" to "))
    # All replicates agree, so that the interval is Wilson's, without chance.
    assert list(ends) == pytest.approx(
        [expected["recall_bad_low"], expected["recall_bad_high"]], abs=5e-4
    )


def test_downloaded_thresholds_can_be_loaded(visit, written, tmp_path):
    page = visit(written[0])
    set_input(page, "#area-number", 123.4567890123)
    with page.expect_download() as download:
        page.click("#download")
    download.value.save_as(tmp_path / "thresholds.json")
    assert download.value.suggested_filename == "thresholds.json"
    loaded = Thresholds.load(tmp_path / "thresholds.json")
    assert loaded == Thresholds(area=123.4567890123, gate_threshold=0.1)
    block = json.loads((tmp_path / "thresholds.json").read_text())["calibration"]
    figures = block.pop("metrics")
    assert block == {
        "method": "chosen by hand in report.html",
        "dataset": "tests </script>",
        "data_sha256": "ab12",
        "images": 40,
        "bad": 16,
    }
    assert figures["recall_bad"] == expected_figures(written[1], loaded)["both_recall_bad"]


def test_gallery_shows_what_needs_a_look_first(visit, written):
    page, images = visit(written[0]), written[1]
    shown = page.locator("#cards li").evaluate_all("cards => cards.map(card => card.className)")
    labels = verdicts(images, SAVED)
    names = {"goodTrue": "missed", "badFalse": "alarm", "badTrue": "found", "goodFalse": "cleared"}
    outcomes = [names[f"{label}{bool(bad)}"] for label, bad in zip(labels, images.y_true)]
    assert shown == sorted(outcomes, key=["missed", "alarm", "found", "cleared"].index)
    assert {"missed", "alarm", "found", "cleared"} == set(shown)
    page.uncheck("#show-cleared")
    page.select_option("#sort", "p_bad")
    page.fill("#name-filter", "code0")
    page.select_option("#family", "Code#")
    settle(page)
    assert page.locator("#cards li").count() == sum(
        "Code0" in file and outcome != "cleared" for file, outcome in zip(images.file, outcomes)
    )
    scores = page.locator("#cards .missed .measures").all_inner_texts()
    scores = [float(text.split()[-1]) for text in scores]
    assert scores == sorted(scores, reverse=True)
    page.fill("#name-filter", "no such name")
    settle(page)
    assert "No image" in page.locator("#shown").inner_text()


def test_keys_reach_everything(visit, written):
    page = visit(written[0])
    focused = "document.activeElement.id || document.activeElement.className"
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate(focused) == "area-slider":
            break
    before = page.locator("#headline").inner_text()
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    settle(page)
    assert page.locator("#headline").inner_text() != before
    assert re.match(r"[\d.]+ px: \d+ missed", page.get_attribute("#area-slider", "aria-valuetext"))
    page.locator("#cards .card").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("#viewer").get_attribute("open") is not None
    assert page.locator("#viewer-place").inner_text() == "1 of 40"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert page.locator("#viewer-place").inner_text() == "2 of 40"
    assert "scratch" in page.locator("#viewer-facts").inner_text()
    page.keyboard.press("Escape")
    assert page.locator("#viewer").get_attribute("open") is None
    assert page.evaluate(focused) == "card"


def test_hostile_names_are_only_text(visit, written):
    page = visit(written[0])
    names = page.locator("#cards .name").all_text_contents()
    assert set(HOSTILE) <= set(names)
    assert page.title() == "tests </script>: inspection report"
    assert page.locator("#cards .name b").count() == 0
    widths = page.locator("#cards image").evaluate_all(
        "all => Promise.all(all.map(i => {const p = new Image(); p.src = i.href.baseVal;"
        " return p.decode().then(() => p.naturalWidth);}))"
    )
    assert widths == [96] * 40


def contrast(page, selector):
    """The WCAG contrast of a text with the first opaque background behind it."""
    colours = page.locator(selector).first.evaluate(
        """element => { const text = getComputedStyle(element).color;
        let back = element;
        const colourOf = at => getComputedStyle(at).backgroundColor;
        while (colourOf(back) === 'rgba(0, 0, 0, 0)') back = back.parentElement;
        return [text, colourOf(back)]; }"""
    )

    def luminance(colour):
        channels = [int(c) / 255 for c in re.findall(r"\d+", colour)[:3]]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted(map(luminance, colours))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("width", [400, 1600])
def test_readable_in_both_themes_at_any_width(visit, written, width):
    page = visit(written[0], width)
    backgrounds = set()
    for _ in range(2):
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        texts = ("#rule", ".tiles small", "#confusion span", ".missed b", ".alarm b", ".found b")
        for selector in (*texts, ".card .name", ".hint", "#download", "nav a"):
            assert contrast(page, selector) >= 4.5, selector
        backgrounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        page.click("#theme")
    assert len(backgrounds) == 2


@pytest.mark.parametrize(
    ("bad", "gated", "headline", "curves"),
    [
        ([False] * 3, True, "No Bad images here; 1 of 3 Good judged Bad.", False),
        ([True] * 3, True, "of 3 Bad images found; no Good images here.", False),
        ([True, False, False], False, "of 1 Bad image found; ", True),
        ([], False, "There are no images here.", False),
    ],
)
def test_what_cannot_be_known_is_said(visit, tmp_path, bad, gated, headline, curves):
    path, images = write(tmp_path, bad, gated)
    page = visit(path)
    assert headline in page.locator("#headline").inner_text()
    assert page.locator("#roc").is_visible() == curves
    assert page.get_by_text("need Good and Bad images").is_visible() != curves
    assert page.locator("#gate-slider").is_visible() == gated
    if bad:
        check(page, images, SAVED)


def test_unreadable_files_and_empty_predictions_have_their_place(visit, tmp_path):
    dicts, _, images = simulate(tmp_path, [True, True, False], gated=False)
    Path(dicts[0]["file_name"]).write_bytes(b"not an image")
    Path(dicts[1]["file_name"]).unlink()
    nothing = {item["image_id"]: predict_boxes(64, 96, {}) for item in dicts}
    images = make_image_table(dicts, nothing, None, SAVED)
    page = visit(write_report(tmp_path / "out", dicts, nothing, images, {}, SAVED, {}))
    problems = page.locator(".frame .problem").all_inner_texts()
    assert len(problems) == 2 and any("not an image" in text for text in problems)
    check(page, images, SAVED)


def test_all_results_and_notes_are_shown(visit, tmp_path):
    results = {
        "bbox": {"AP": 12.345, "AP50": math.nan},
        "image": {
            "area_F1_bad": 0.5,
            "area_F1_bad_low": 0.4,
            "area_F1_bad_high": 0.6,
            "area_n": 9.0,
        },
        "families": {f"{f}_{m}": 3.0 for f in ("Code#", "#_cls_input") for m in ("images", "bad")},
    }
    about = {"dataset": "labels_test", "notes": ["7 images leaked."], "weights": ""}
    path, _ = write(tmp_path, [True, False], results=results, about=about)
    page = visit(path)
    assert page.locator("#notes").inner_text() == "7 images leaked."
    page.click("#results summary")
    rows = [line.split("\t") for line in page.locator("#results-tables").inner_text().splitlines()]
    assert ["AP", "12.3"] in rows and ["AP50", "\u2013"] in rows
    assert any(row[:2] == ["F1 bad", "0.500"] and "0.400 to 0.600" in row for row in rows)
    assert ["#_cls_input", "3", "3"] in rows
    assert page.locator("#about-facts dt").all_inner_texts() == ["dataset"]


@pytest.mark.parametrize(("spared", "beside"), [(4_000, False), (10**9, True)])
def test_the_page_keeps_to_its_budget(visit, tmp_path, monkeypatch, spared, beside):
    bad = [True, False] * 20
    best = write(tmp_path, bad)[0].stat().st_size
    monkeypatch.setattr(report_page, "BUDGET", best - spared)
    path, _ = write(tmp_path, bad)
    assert (tmp_path / "out" / "report_files").is_dir() == beside
    assert path.stat().st_size <= (best if beside else best - spared + 200)
    page = visit(path)
    source = page.locator("#cards image").first.get_attribute("href")
    assert source.startswith("report_files/" if beside else "data:image/webp;base64,")
    width = "src => {const p = new Image(); p.src = src; return p.decode().then(() => p.width);}"
    assert page.evaluate(width, source) == 96
    monkeypatch.undo()
    write(tmp_path, bad)
    assert not (tmp_path / "out" / "report_files").exists()


def test_photographs_are_filtered_by_kind_where_it_is_known(tmp_path):
    dicts, predictions, images = simulate(tmp_path, [True] * 12 + [False] * 12)
    for item in dicts[:10]:
        item["kind"] = "crack"
    path = write_report(tmp_path, dicts, predictions, images, {}, SAVED, {})
    data = re.search(r'"family":(\[.*?\])', path.read_text("utf-8"))
    assert json.loads(data[1])[:10] == ["crack"] * 10 and "crack" not in json.loads(data[1])[10:]
