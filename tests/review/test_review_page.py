"""The review page in Chromium, by keyboard and by pointer."""

import pytest

from tests.review.results import HOSTILE, lines, serving, write_results

pytest.importorskip("uvicorn", reason="uvicorn is missing, run `pip install 'scratch_d2[review]'`")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_results(tmp_path_factory.mktemp("review"))


@pytest.fixture
def review(browser, folder):
    """Open the review of a fresh results folder; in the end nothing may have gone wrong."""
    (folder / "reviews.jsonl").unlink(missing_ok=True)
    heard = []
    with serving(folder) as url:
        context = browser.new_context()

        def open_page(width=1600, scheme="light"):
            page = context.new_page()
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 844})
            page.on("console", lambda message: heard.append(message.text))
            page.on("pageerror", lambda error: heard.append(str(error)))
            page.on("dialog", lambda dialog: heard.append(dialog.message))
            page.on("request", lambda r: r.url.startswith(url) or heard.append(r.url))
            page.goto(url)
            ready(page, 5)
            return page

        yield open_page
        context.close()
    assert heard == []


def ready(page, image_id):
    page.wait_for_selector(f'#stage[data-ready="{image_id}"]')


def order(page):
    """Go through all photographs with N and back with P; returns the ids in their order."""
    ids = []
    while True:
        page.wait_for_selector("#stage[data-ready]")
        ids.append(int(page.get_attribute("#stage", "data-ready")))
        if page.locator("#following").is_disabled():
            break
        page.keyboard.press("n")
        page.wait_for_selector(f'#stage[data-ready]:not([data-ready="{ids[-1]}"])')
    for image_id in reversed(ids[:-1]):
        page.keyboard.press("p")
        ready(page, image_id)
    return ids


@pytest.mark.parametrize("width", [390, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_whole_review_by_keyboard_alone(review, folder, width, scheme):
    page = review(width, scheme)
    assert page.get_attribute("html", "data-theme") == scheme
    first, second, third, *others = order(page)
    page.keyboard.press("2")
    page.wait_for_selector(".scratch.struck[data-index='1']", state="attached")
    page.keyboard.press("b")
    ready(page, second)
    page.keyboard.press("g")
    ready(page, third)
    page.keyboard.press("u")
    ready(page, second)
    page.keyboard.press("s")
    ready(page, third)
    for image_id in (third, *others):
        ready(page, image_id)
        page.keyboard.press("g")
    page.wait_for_selector("#done:not([hidden])")
    assert "4 Good, 1 Bad, 1 skipped" in page.inner_text("#done-text")
    command = page.inner_text("#done-command")
    assert command == f"scratch-d2 import {folder} --format review --out FOLDER"
    while page.locator("#see-skipped:focus").count() == 0:
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    ready(page, second)
    page.keyboard.press("b")
    page.wait_for_selector("#done:not([hidden])")
    assert page.locator("#see-skipped").is_hidden()
    last = {line["image_id"]: (line["decision"], line["struck"]) for line in lines(folder)}
    assert last == {
        first: ("bad", [1]),
        second: ("bad", []),
        **{i: ("good", []) for i in (third, *others)},
    }
    assert page.locator("#problem").is_hidden()


def test_what_does_not_fit_the_screen_can_be_scrolled_to(review):
    page = review(390)
    widths = page.locator("body").evaluate("body => [body.scrollWidth, window.innerWidth]")
    assert widths[0] <= widths[1]


def test_outlines_are_struck_by_click_and_switched_off(review, folder):
    page = review()
    box = page.locator(".scratch[data-index='0'] .line").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.click(*middle)
    button = page.locator(".outlines button[data-index='0']")
    page.wait_for_selector(".outlines button[data-index='0'][aria-pressed='true']")
    assert "no scratch" in button.inner_text()
    button.click()
    page.wait_for_selector(".outlines button[data-index='0'][aria-pressed='false']")
    assert [line["struck"] for line in lines(folder)] == [[0], []]
    page.keyboard.press("o")
    assert page.locator(".scratch[data-index='0']").is_hidden()
    page.mouse.click(*middle)  # what is not shown is not struck
    page.keyboard.press("o")
    assert page.locator(".scratch[data-index='0'] .line").is_visible()
    assert len(lines(folder)) == 2


def test_zoom_and_pan_by_wheel_keys_and_drag(review, folder):
    page = review()

    def view():
        return [float(v) for v in page.get_attribute(".photograph", "viewBox").split()]

    whole = view()
    page.keyboard.press("+")
    assert view()[2] == pytest.approx(whole[2] / 1.5)
    for _ in range(3):
        page.keyboard.press("+")
    left = view()[0]
    page.keyboard.press("ArrowRight")
    assert view()[0] > left
    box = page.locator("#stage").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    before = view()
    page.mouse.wheel(0, -100)
    page.wait_for_timeout(50)
    assert view()[2] < before[2]
    before = view()
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 80, box["y"] + box["height"] / 2)
    page.mouse.up()
    assert view()[0] < before[0]
    page.keyboard.press("0")
    assert view() == whole
    assert not (folder / "reviews.jsonl").exists()  # a drag over an outline strikes nothing


def test_names_are_shown_as_text(review, folder):
    page = review()
    while page.inner_text("#name") != HOSTILE:
        shown = page.get_attribute("#stage", "data-ready")
        page.keyboard.press("n")
        page.wait_for_selector(f'#stage[data-ready]:not([data-ready="{shown}"])')
    assert page.locator("#name").evaluate("name => name.children.length") == 0


def test_a_photograph_that_is_gone_says_so_and_can_be_judged(browser, tmp_path):
    folder = write_results(tmp_path)
    (tmp_path / "photographs" / "label 5.png").unlink()
    with serving(folder) as url:
        page = browser.new_page()
        page.goto(url)
        ready(page, 5)
        assert "no such image file" in page.inner_text("#stage .missing")
        page.keyboard.press("s")
        page.wait_for_selector('#stage[data-ready]:not([data-ready="5"])')
    page.keyboard.press("g")
    page.wait_for_selector("#problem:not([hidden])")
    assert "the server does not answer" in page.inner_text("#problem")
    page.close()
    assert [line["decision"] for line in lines(folder)] == ["skip"]
