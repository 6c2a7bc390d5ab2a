from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scratch_d2.data.catalog import get_dataset_dicts
from scratch_d2.data.contact_sheet import (
    BLANK,
    FRAME,
    caption_of,
    choose,
    draw_cell,
    draw_sheets,
    write_sheets,
)
from scratch_d2.data.drawing import COLOURS, SCRATCH, draw_mask, fit, font, shorten, wrap
from scratch_d2.structures.dataset_dict import mask_of
from scratch_d2.structures.masks import encode_rle
from tests.builders import rectangles, write_dataset
from tests.commands import run_command

ROOT = Path(__file__).resolve().parents[2]


def item_of(height: int, width: int, *boxes: tuple, **others: object) -> dict:
    """A dataset dict of a Bad image whose scratches fill boxes (x0, y0, x1, y1)."""
    marks = [{"segmentation": encode_rle(rectangles(height, width, box))} for box in boxes]
    return {
        **{"file_name": "folder/name.png", "height": height, "width": width, "image_id": 0},
        **{"verdict": "bad", "annotations": marks, **others},
    }


def grey(height: int, width: int, level: int = 100) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


@pytest.mark.parametrize("box", [(10, 20, 40, 21), (12, 5, 13, 50), (20, 20, 21, 21)])
def test_the_outline_leaves_thin_scratches_in_sight(box):
    canvas, mask = grey(60, 60), rectangles(60, 60, box)
    canvas[mask] = 250
    draw_mask(canvas, mask)
    outline = (canvas == SCRATCH).all(axis=2)
    assert not (outline & mask).any()
    assert canvas[mask].min() > 200 and canvas[mask].max() < 250  # bright still, but tinted
    x0, y0, x1, y1 = box
    around = rectangles(60, 60, (x0 - 1, y0 - 1, x1 + 1, y1 + 1)) & ~mask
    np.testing.assert_array_equal(outline, around)
    assert (canvas[~(around | mask)] == 100).all()


@pytest.mark.parametrize(
    ("shape", "fitted"),
    [
        ((50, 100), (150, 300)),
        ((110, 330), (110, 330)),
        ((1000, 3300), (100, 330)),
        ((2, 3000), (1, 330)),
    ],
)
def test_a_line_of_one_pixel_survives_any_size(shape, fitted):
    mask = rectangles(*shape, (shape[1] // 2, 0, shape[1] // 2 + 1, shape[0]))
    image, mask = fit(grey(*shape), mask, 330)
    assert image.shape == (*fitted, 3) and mask.shape == fitted
    assert mask.any(axis=1).all() and (image == 100).all()


@pytest.mark.parametrize("text", ["n" * 300, "08_16_36.129691_input.png" * 3])
def test_names_are_cut_to_the_width(text):
    short = shorten(text, font(11), 120)
    begin, end = short.split("...")
    assert text.startswith(begin) and text.endswith(end) and begin
    assert 100 < font(11).getlength(short) <= 120


@pytest.mark.parametrize(("text", "shown"), [("name.png", "name.png"), ("a\nü\x00", "a?ü?")])
def test_short_names_stay_and_what_has_no_letter_is_a_question_mark(text, shown):
    assert shorten(text, font(11), 120) == shown


def test_words_are_wrapped_and_none_is_lost():
    text = "one two " + "w" * 60 + " three four"
    lines = wrap(text, font(12), 80)
    assert " ".join(lines) == text
    assert [font(12).getlength(line) > 80 for line in lines].count(True) == 1


@pytest.mark.parametrize("verdict", ["good", "bad"])
def test_a_cell_shows_the_whole_photograph_in_a_frame_of_its_verdict(verdict):
    image = np.random.default_rng(0).integers(0, 200, (60, 100, 3)).astype(np.uint8)
    cell = np.asarray(draw_cell(item_of(60, 100, verdict=verdict), image, "", size=130))
    framed = cell[: 60 + 2 * FRAME, : 100 + 2 * FRAME]
    np.testing.assert_array_equal(framed[FRAME:-FRAME, FRAME:-FRAME], image)
    assert (framed[:FRAME] == COLOURS[verdict]).all() and (framed[:, -1] == COLOURS[verdict]).all()


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (item_of(50, 100, (0, 0, 20, 10)), "Bad: 4.00%, 1 region"),
        (item_of(50, 100, (0, 0, 20, 10), (0, 0, 20, 10), (40, 0, 45, 1)), "Bad: 4.10%, 3 regions"),
        (item_of(50, 100), "Bad: no mask"),
        (item_of(50, 100, verdict="good"), "Good"),
    ],
)
def test_captions(item, said):
    assert caption_of(item, mask_of(item)) == said


@pytest.mark.parametrize("image", [None, grey(50, 99), grey(100, 50)])
def test_a_cell_without_its_photograph_says_why(image):
    item = item_of(50, 100, (0, 0, 20, 10))
    cells = [np.asarray(draw_cell(item, image, reason)) for reason in ("", "empty file " * 20)]
    for cell in cells:
        assert (cell == BLANK).all(axis=2).any() and not (cell == 100).all(axis=2).any()
    if image is None:
        assert cells[1].shape[0] > cells[0].shape[0]  # the reason takes some lines


def test_choice_is_seeded_and_grows(labels):
    def ids(*arguments, **options):
        chosen = choose(get_dataset_dicts("tests_labels"), *arguments, **options)
        return [item["image_id"] for item in chosen]

    assert ids() == list(range(10)) and ids("bad") == [6, 7, 8, 9] and len(ids("good", 99)) == 6
    few, more = ids(count=3, seed=1), ids(count=6, seed=1)
    assert set(few) < set(more) and more == sorted(more) and len(more) == 6
    assert len({tuple(ids(count=3, seed=seed)) for seed in range(8)}) > 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"verdict": "ugly"}, "verdict 'ugly' is unknown; accepted are all, good, bad"),
        ({"count": 0}, "count must be at least 1 photograph, but got 0"),
        ({"seed": -1}, "seed must be 0 or more, but got -1"),
    ],
)
def test_a_bad_choice_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        choose([], **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"columns": 0}, "columns must be at least 1, but got 0"),
        ({"rows": -2}, "rows must be at least 1, but got -2"),
        ({"size": 20}, "size must be 64 to 4096 px, but got 20"),
        ({"datasets": {"a": [], "b": []}}, "no photograph to draw in a, b"),
    ],
)
def test_bad_sheets_are_refused_before_anything_is_drawn(arguments, message):
    with pytest.raises(ValueError, match=message):
        draw_sheets(**{"datasets": {"a": [item_of(9, 9)]}, **arguments})


def test_panels_stand_side_by_side_on_every_page(labels, tmp_path):
    dicts = get_dataset_dicts("tests_labels")
    broken = {**dicts[0], "file_name": str(tmp_path / "gone.png")}
    pages = list(draw_sheets({"all": [broken, *dicts], "few": dicts[6:]}, 2, 2, size=100))
    assert len(pages) == 3 and len({page.width for page in pages}) == 1
    colours = [set(map(tuple, np.asarray(page).reshape(-1, 3))) for page in pages]
    assert all(COLOURS["good"] in found for found in colours[:2])
    right = np.asarray(pages[0])[:, pages[0].width // 2 :].reshape(-1, 3)
    assert COLOURS["bad"] in set(map(tuple, right)) and SCRATCH in set(map(tuple, right))
    assert COLOURS["good"] not in set(map(tuple, right))


def test_sheets_of_an_earlier_call_do_not_stay(tmp_path):
    for name in ("sheet_0001.png", "sheet_0003.png", "sheet_mine.png"):
        (tmp_path / name).write_text("old")
    written = write_sheets([Image.new("RGB", (4, 4))] * 2, tmp_path)
    assert [path.name for path in written] == ["sheet_0001.png", "sheet_0002.png"]
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["sheet_0001.png", "sheet_0002.png", "sheet_mine.png"]
    assert Image.open(written[0]).size == (4, 4)
    with pytest.raises(OSError, match="sheet_mine.png' cannot be written"):
        write_sheets([], tmp_path / "sheet_mine.png")


def test_command_line(tmp_path, monkeypatch):
    write_dataset(tmp_path / "real", good=3, bad=2)
    write_dataset(tmp_path / "synth" / "scratch_synth", good=3, bad=2)

    monkeypatch.setenv("DETECTRON2_DATASETS", "synth")
    names = ("--datasets", "scratch_text_all", "scratch_synth_all", "real")
    options = ("--output", "sheets", "--rows", "3", *names, "SCRATCH.DATA_ROOT", "real")
    done = run_command("browse", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "15 photographs drawn, the last on sheets/sheet_0002.png" in done.stdout
    assert Image.open(tmp_path / "sheets" / "sheet_0001.png").width > 3 * 330
    done = run_command("browse", "--datasets", "nowhere", "--output", "other", cwd=tmp_path)
    assert done.returncode == 2 and done.stderr.startswith("error: 'nowhere' is neither")
    assert len(done.stderr.strip().splitlines()) == 1 and not (tmp_path / "other").exists()
