"""What one does with the page: look closer, open a file, take a table along, compare two runs."""

import csv
import io
import json
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratch_d2.report.links import link_to
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.utils.spreadsheet import to_cell
from tests.report.pages import SAVED, set_input, settle, verdicts


@given(st.lists(st.lists(st.text(), min_size=1, max_size=4), min_size=1, max_size=4))
def test_csv_is_read_as_it_was_written(script, rows):
    text = script("toCsv", rows)
    defused = [[to_cell(text) for text in row] for row in rows]
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert [row or [""] for row in read] == defused


def test_numbers_of_csv_stay_numbers(script):
    assert script("toCsv", [[-1.5, 0, None, "-1.5"]]) == "-1.5,0,,'-1.5\r\n"


@given(st.floats(-1e6, 1e6))
def test_numbers_of_csv_are_those_of_results_csv(script, number):
    cell = script("toCsv", [[number]]).strip()
    assert float(cell) == pytest.approx(float(to_cell(number)), rel=2e-3)
    assert float(cell) == pytest.approx(number, rel=6e-4)


@pytest.mark.parametrize(
    ("file", "folder", "link"),
    [
        ("/a/good/x 1.png", "/a/out", "../good/x%201.png"),
        ("/a/out/javascript:x.png", "/a/out", "javascript%3Ax.png"),
        ("/a/#1?/\u00fc%.png", "/a", "%231%3F/%C3%BC%25.png"),
        ("/a/\udcff.png", "/a", "%FF.png"),  # a name that is no UTF-8
    ],
)
def test_links_are_relative_and_encoded(file, folder, link):
    assert link_to(file, folder) == link


def rows_of(images, labels):
    return [
        {"file": file, "label": label, "y_true": bool(bad), "area": 0.0, "p_bad": None}
        for file, label, bad in zip(images.file, labels, images.y_true)
    ]


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("{}\n", "line 1 has no file and label"),
        ('{"file": "a/b.png", "label": "good"}\n{"file', "line 2 is not JSON"),
        ('{"file": "x/a/b.png", "label": "good"}\n' * 2, "two images there are named a/b.png"),
    ],
)
def test_what_is_no_evaluation_is_refused(script, text, message):
    from py_mini_racer import JSEvalException

    with pytest.raises(JSEvalException, match=message):
        script("readImages", text)


def test_zoom_keeps_the_point_under_the_pointer(visit, written):
    page = visit(written[0])
    page.locator("#cards .card").first.click()
    svg = page.locator("#viewer-picture svg")
    box = svg.bounding_box()
    x, y = box["x"] + 0.5 * box["width"], box["y"] + 0.45 * box["height"]
    place = f"""svg => {{ const point = new DOMPoint({x}, {y});
        const at = point.matrixTransform(svg.getScreenCTM().inverse()); return [at.x, at.y]; }}"""
    before = svg.evaluate(place)  # in the middle of what has room on both sides
    page.mouse.move(x, y)
    for _ in range(6):
        page.mouse.wheel(0, -100)
    page.wait_for_function("document.querySelector('.zoomed')")
    settle(page)
    width = float(svg.get_attribute("viewBox").split()[2])
    assert width < 0.5 * 96
    assert svg.evaluate(place) == pytest.approx(before, abs=0.5)
    page.click("#viewer-fit")
    x0, y0, width, height = map(float, svg.get_attribute("viewBox").split())
    assert x0 <= -0.5 and y0 <= -0.5  # all of it is seen again
    assert x0 + width >= 95.5 and y0 + height >= 63.5


def test_a_file_can_be_opened_from_its_image(visit, written):
    page, images = visit(written[0]), written[1]
    page.locator("#cards .card").first.click()
    link = page.locator("#viewer-facts a")
    target = (written[0].parent / unquote(link.get_attribute("href"))).resolve()
    assert str(target) in {str(Path(file).resolve()) for file in images.file}
    assert link.inner_text() == "/".join(target.parts[-2:])


def saved_table(page, button, path):
    with page.expect_download() as download:
        page.click(button)
    download.value.save_as(path)
    return list(csv.DictReader(path.open(newline="", encoding="utf-8")))


def test_tables_can_be_taken_along(visit, written, tmp_path):
    page, images = visit(written[0]), written[1]
    set_input(page, "#area-number", 300)
    labels = verdicts(images, Thresholds(area=300.0, gate_threshold=SAVED.gate_threshold))
    rows = {int(r["image_id"]): r for r in saved_table(page, "#download-images", tmp_path / "i")}
    assert len(rows) == len(images)
    for index, image_id in enumerate(images.image_id):
        row = rows[image_id]
        assert (row["truth"] == "bad") == images.y_true[index] and row["verdict"] == labels[index]
        assert float(row["area"]) == pytest.approx(images.area[index], rel=6e-4)
        assert float(row["p_bad"]) == pytest.approx(images.p_bad[index], abs=5e-5)
    metrics = saved_table(page, "#download-metrics", tmp_path / "m")
    of = {(row["decision_rule"], row["metric"]): row for row in metrics}
    recall = of["gate, then area rule", "recall_bad"]
    bad = [label for label, is_bad in zip(labels, images.y_true) if is_bad]
    assert float(recall["value"]) == pytest.approx(bad.count("bad") / len(bad), rel=6e-4)
    assert float(recall["low"]) < float(recall["value"]) < float(recall["high"])


def test_two_evaluations_side_by_side(visit, written, tmp_path):
    page, images = visit(written[0]), written[1]
    here = verdicts(images, SAVED)
    there = verdicts(images, Thresholds(area=0.0, gate_threshold=0.4))
    rows = rows_of(images, there)
    rows[3]["y_true"] = not rows[3]["y_true"]
    (tmp_path / "images.jsonl").write_text(lines(rows[:-1]), encoding="utf-8")
    page.click("#compare summary")
    page.set_input_files("#other-file", str(tmp_path / "images.jsonl"))
    page.locator("#comparison td").first.wait_for()
    notes = page.locator("#other-notes").inner_text()
    assert notes.startswith("39 of 40 images here are among the 39 there. 1 of them has another")
    names = {(True, True): 0, (True, False): 1, (False, True): 2, (False, False): 3}
    expected = {True: [0] * 4, False: [0] * 4}
    for bad, one, other in list(zip(images.y_true, here, there))[:-1]:
        expected[bool(bad)][names[one != "good", other != "good"]] += 1
    cells = list(map(int, page.locator("#comparison tbody td").all_inner_texts()))
    assert cells == expected[True] + expected[False]
    page.check("#different")
    settle(page)
    differing = sum(one != other for one, other in list(zip(here, there))[:-1])
    assert page.locator("#cards li").count() == differing > 0
    page.set_input_files("#other-file", str(written[0]))
    page.get_by_text("is not JSON").wait_for()
    assert page.locator("#comparison").is_hidden()
