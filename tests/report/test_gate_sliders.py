"""The sliders of the gate's two thresholds."""

from dataclasses import replace

import numpy as np

from scratch_d2.structures.thresholds import Thresholds
from tests.report.pages import (
    SAVED,
    check,
    counted,
    counted_in_python,
    set_input,
    shown_figures,
    write,
)


def test_the_upper_threshold_can_be_switched_on_and_moved(visit, written):
    page, images = visit(written[0]), written[1]
    assert not page.is_checked("#upper-on") and not page.locator("#upper-number").is_visible()
    page.check("#upper-on")
    assert page.locator("#upper-number").input_value() == "0.95"
    for upper in (0.95, 0.6, 0.3):
        set_input(page, "#upper-number", upper)
        check(page, images, replace(SAVED, gate_upper_threshold=upper))
    assert "From a p(Bad) of 0.3 on it is Bad" in page.locator("#rule").inner_text()
    # The two thresholds do not cross.
    set_input(page, "#gate-number", 0.4)
    assert page.locator("#upper-number").input_value() == "0.4"
    set_input(page, "#upper-number", 0.2)
    assert page.locator("#gate-number").input_value() == "0.2"
    check(page, images, replace(SAVED, gate_threshold=0.2, gate_upper_threshold=0.2))
    page.uncheck("#upper-on")
    check(page, images, replace(SAVED, gate_threshold=0.2))


def test_scaled_areas_slide_as_python_judges_them(visit, tmp_path):
    saved = replace(SAVED, area_scaling="odds")
    path, images = write(tmp_path, [i % 5 < 2 for i in range(40)], thresholds=saved)
    page = visit(path)
    assert page.get_by_text("This is the limit at a p(Bad) of 0.5").is_visible()
    assert "200 px times (1 \u2212 p) / p or more" in page.locator("#rule").inner_text()
    assert "50 px at 0.8" in page.locator("#rule").inner_text()
    check(page, images, saved)
    for place in (0, 3, 9, 15):
        set_input(page, "#area-slider", place)
        area = float(page.locator("#area-number").input_value())
        check(page, images, replace(saved, area=area))
    assert page.locator("#reset").is_enabled()


def test_a_gate_threshold_below_that_of_prediction_is_refused(visit, tmp_path):
    saved = Thresholds(area=200.0, gate_threshold=0.3)
    about = {"unseen_below": 0.3}
    path, images = write(tmp_path, [i % 5 < 2 for i in range(40)], thresholds=saved, about=about)
    page = visit(path)
    unseen = int(np.sum(images.p_bad < 0.3))
    assert 0 < unseen < 40
    assert page.get_attribute("#gate-slider", "min") == str(unseen)
    assert page.locator("#gate-number").input_value() == "0.3"
    hint = page.get_by_text("run predict again with GATE.THRESHOLD 0")
    assert hint.is_visible() and hint.inner_text().startswith("0.3 is the lowest")
    before = counted(page)
    set_input(page, "#gate-number", 0.29)
    assert page.locator("#gate-problem").inner_text() == "0.3 to 1"
    assert counted(page) == before == counted_in_python(images, saved)
    set_input(page, "#gate-slider", 0)  # the browser keeps it at its lowest
    assert counted(page) == before
    set_input(page, "#gate-number", 0.9)
    assert counted(page) == counted_in_python(images, replace(saved, gate_threshold=0.9))
    assert {key.split("_")[0] for key in shown_figures(page)} == {"gate", "both"}
    assert page.get_by_text("not seen by the detector").count() == unseen
