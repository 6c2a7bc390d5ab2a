"""Contact sheets: pages of photographs with verdicts and masks, datasets side by side."""

import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from scratch_d2.data.drawing import COLOURS, draw_mask, fit, font, shorten, wrap
from scratch_d2.data.images import read_batches
from scratch_d2.structures.dataset_dict import mask_of, scratches_of, verdict_of
from scratch_d2.structures.labels import BAD, GOOD
from scratch_d2.utils.counting import count_of
from scratch_d2.utils.files import prepare_output_dir, write_atomically
from scratch_d2.utils.progress import track

VERDICTS = ("all", GOOD, BAD)
SIZE = 330  # the longest side of real photographs, so that they are shown pixel by pixel
FRAME, GAP, CAPTION, HEADING = 3, 16, 34, 54
PAPER, BLANK, INK, PALE = (222, 224, 228), (190, 193, 198), (28, 30, 34), (92, 96, 104)
Dict = Mapping[str, Any]


def choose(
    dicts: Sequence[Dict], verdict: str = "all", count: int | None = None, seed: int = 0
) -> list[Dict]:
    """Draw photographs of a verdict at random, in the dataset's order.

    Args:
        verdict: "all", "good" or "bad".
        count: at most this many; None takes all. A larger count adds to the draw of a smaller one.
        seed: 0 or more.

    Raises ValueError if an argument is outside its range.
    """
    if verdict not in VERDICTS:
        raise ValueError(f"verdict {verdict!r} is unknown; accepted are {', '.join(VERDICTS)}")
    if count is not None and count < 1:
        raise ValueError(f"count must be at least 1 photograph, but got {count}")
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, but got {seed}")
    matching = [item for item in dicts if verdict in ("all", verdict_of(item))]
    order = np.random.default_rng(seed).permutation(len(matching))
    return [matching[index] for index in sorted(order[:count])]


def draw_sheets(
    datasets: Mapping[str, Sequence[Dict]], columns: int = 2, rows: int = 6, size: int = SIZE
) -> Iterator[Image.Image]:
    """Draw datasets side by side and yield the pages.

    The cell of an image that cannot be read gives the reason.

    Args:
        datasets: Detectron2's dataset dicts with polygons or RLE, by title.
        columns, rows: photographs of each dataset on a page.
        size: longest side of a photograph, px; larger ones are scaled down, smaller ones enlarged
            by a whole number.

    Raises ValueError if an argument is outside its range or there is nothing to draw.
    """
    for name, value in {"columns": columns, "rows": rows}.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, but got {value}")
    if not 64 <= size <= 4096:
        raise ValueError(f"size must be 64 to 4096 px, but got {size}")
    if not any(datasets.values()):
        raise ValueError(f"there is no photograph to draw in {', '.join(datasets) or 'no dataset'}")
    return _draw_pages(datasets, columns, rows, size)


def _draw_pages(
    datasets: Mapping[str, Sequence[Dict]], columns: int, rows: int, size: int
) -> Iterator[Image.Image]:
    pages = math.ceil(max(map(len, datasets.values())) / (columns * rows))
    cells = [_draw_cells(dicts, size) for dicts in datasets.values()]
    for page in track(range(1, pages + 1), "drawing", unit="page"):
        panels = [list(islice(drawn, columns * rows)) for drawn in cells]
        headings = [
            (title, _summarise(dicts) + (f", page {page} of {pages}" if pages > 1 else ""))
            for title, dicts in datasets.items()
        ]
        yield _draw_page(headings, panels, columns, size + 2 * FRAME)


def _summarise(dicts: Sequence[Dict]) -> str:
    bad = [verdict_of(item) for item in dicts].count(BAD)
    return f"{count_of(len(dicts), 'photograph')}: {len(dicts) - bad} Good, {bad} Bad"


def _draw_cells(dicts: Sequence[Dict], size: int) -> Iterator[Image.Image]:
    paths = [Path(item["file_name"]) for item in dicts]
    reads = chain.from_iterable(read_batches(paths, 4))
    for item, (path, image, reason) in zip(dicts, reads, strict=True):
        yield draw_cell(item, image, reason.removeprefix(f"{str(path)!r}: "), size)


def draw_cell(item: Dict, image: np.ndarray | None, reason: str, size: int = SIZE) -> Image.Image:
    """Draw one photograph in a frame of its verdict's colour, with its mask and a caption.

    Args:
        item: its dataset dict.
        image: HxWx3 uint8 RGB, or None if it cannot be read.
        reason: why it cannot be read; drawn instead of the photograph.
        size: longest side of the photograph, px.
    """
    expected = (item["height"], item["width"])
    if image is not None and image.shape[:2] != expected:
        sizes = [f"{width}x{height}" for height, width in (image.shape[:2], expected)]
        image, reason = None, "the file holds {} pixels, the dataset says {}".format(*sizes)
    mask = mask_of(item)
    if image is None:
        picture = _draw_blank(f"not drawn: {reason}", size)
    else:
        picture = _draw_photograph(image, mask, size)
    name = Path(item["file_name"]).name
    return _frame(picture, COLOURS[verdict_of(item)], caption_of(item, mask), name, size)


def caption_of(item: Dict, mask: np.ndarray) -> str:
    """Return the verdict on an image, the coverage of its HxW bool mask, and its regions."""
    verdict, count = verdict_of(item), len(scratches_of(item))
    if count:
        regions = count_of(count, "region")
        return f"{verdict.capitalize()}: {mask.mean():.2%}, {regions}"
    return "Bad: no mask" if verdict == BAD else "Good"


def _draw_photograph(image: np.ndarray, mask: np.ndarray, size: int) -> Image.Image:
    canvas, mask = fit(image, mask, size)
    draw_mask(canvas, mask)
    return Image.fromarray(canvas)


def _draw_blank(text: str, size: int) -> Image.Image:
    lines = wrap(text, font(12), size - 16)
    picture = Image.new("RGB", (size, 16 * len(lines) + 16), BLANK)
    ImageDraw.Draw(picture).multiline_text((8, 8), "\n".join(lines), INK, font(12))
    return picture


def _frame(
    picture: Image.Image, colour: tuple[int, int, int], caption: str, name: str, size: int
) -> Image.Image:
    """Put a frame around a picture, with two lines of text below it."""
    width, height = (side + 2 * FRAME for side in picture.size)
    cell = Image.new("RGB", (size + 2 * FRAME, height + CAPTION), PAPER)
    cell.paste(colour, (0, 0, width, height))
    cell.paste(picture, (FRAME, FRAME))
    draw = ImageDraw.Draw(cell)
    draw.text((0, height + 2), caption, colour, font(14))
    draw.text((0, height + 19), shorten(name, font(11), cell.width), PALE, font(11))
    return cell


def _draw_page(
    headings: Sequence[tuple[str, str]],
    panels: Sequence[Sequence[Image.Image]],
    columns: int,
    cell_width: int,
) -> Image.Image:
    """Lay out panels beside each other, each with its title and a line about it above."""
    places = [_place(panel, columns, cell_width) for panel in panels]
    bottoms = [y + cell.height for xy, p in zip(places, panels) for (_, y), cell in zip(xy, p)]
    panel_width = columns * (cell_width + GAP) + GAP
    page = Image.new("RGB", (panel_width * len(panels), max(bottoms) + GAP), PAPER)
    draw, room = ImageDraw.Draw(page), panel_width - 2 * GAP
    for number, (title, summary) in enumerate(headings):
        left = number * panel_width + GAP
        draw.text((left, 12), shorten(title, font(20), room), INK, font(20))
        draw.text((left, 38), shorten(summary, font(13), room), PALE, font(13))
        for (x, y), cell in zip(places[number], panels[number]):
            page.paste(cell, (left + x, y))
        if number:
            draw.line([left - GAP, 0, left - GAP, page.height], BLANK, 2)
    return page


def _place(cells: Sequence[Image.Image], columns: int, cell_width: int) -> list[tuple[int, int]]:
    """Place each cell in the shortest column so far; returns their corners (x, y), px."""
    tops, corners = [HEADING + GAP] * columns, []
    for cell in cells:
        column = tops.index(min(tops))
        corners.append((column * (cell_width + GAP), tops[column]))
        tops[column] += cell.height + GAP
    return corners


def write_sheets(pages: Iterable[Image.Image], folder: str | Path) -> list[Path]:
    """Write pages atomically as sheet_0001.png and so on.

    Sheets of an earlier call in the folder are replaced or removed. Raises OSError if the folder
    cannot be written.
    """
    folder, written = prepare_output_dir(folder), []
    for number, page in enumerate(pages, start=1):
        png = io.BytesIO()
        page.save(png, format="PNG")
        written.append(write_atomically(png.getvalue(), folder / f"sheet_{number:04d}.png"))
    for path in sorted(folder.iterdir()):
        if re.fullmatch(r"sheet_\d{4}\.png", path.name) and path not in written:
            path.unlink()
    return written
