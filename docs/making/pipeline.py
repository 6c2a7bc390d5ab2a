#!/usr/bin/env python3
"""Draw docs/pictures/pipeline.svg: how gate, detector and area rule come to a verdict.

python docs/making/pipeline.py
"""

from html import escape
from pathlib import Path

TARGET = Path(__file__).parents[1] / "pictures/pipeline.svg"
WIDTH, HEIGHT = 900, 300
GREY, GREEN, RED, AMBER = "#eef1f6", "#d7f0df", "#fbdcdc", "#fdf0cf"
# Left, top, width, height, colour, title, lines below it.
Box = tuple[int, int, int, int, str, str, tuple[str, ...]]
BOXES: tuple[Box, ...] = (
    (8, 40, 144, 84, GREY, "photograph", ("can it be judged?",)),
    (205, 40, 170, 84, GREY, "gate", ("ResNet-50 on patches", "p(Bad)")),
    (435, 40, 190, 84, GREY, "detector", ("Mask R-CNN R50-FPN", "boxes, masks, scores")),
    (
        685,
        40,
        200,
        92,
        GREY,
        "area rule",
        ("area of the scratches", "against a limit, lower", "if p(Bad) is higher"),
    ),
    (8, 215, 144, 60, AMBER, "Review", ("cannot be judged",)),
    (205, 215, 170, 60, GREEN, "Good", ("p(Bad) is low",)),
    (685, 215, 92, 60, GREEN, "Good", ("below",)),
    (793, 215, 92, 60, RED, "Bad", ("at or above",)),
    (435, 215, 190, 76, RED, "Bad", ("p(Bad) is very high,", "if you switch this on")),
)
# From and to, and what is written beside the arrow.
ARROWS = (
    (152, 82, 205, 82),
    (375, 82, 435, 82),
    (625, 82, 685, 82),
    (80, 124, 80, 215),
    (290, 124, 290, 215),
    (530, 124, 530, 215),
    (731, 132, 731, 215),
    (839, 132, 839, 215),
)
FONT = 'font-family="system-ui, Helvetica, Arial, sans-serif"'


def main() -> None:
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {FONT}>',
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" '
        'markerHeight="8" orient="auto"><path d="M0 0 10 5 0 10z" fill="#49505c"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        *(arrow(*ends) for ends in ARROWS),
        *(box(*values) for values in BOXES),
        "</svg>",
    ]
    TARGET.write_text("\n".join(parts) + "\n", "utf-8")


def arrow(x0: int, y0: int, x1: int, y1: int) -> str:
    line = f'<line x1="{x0}" y1="{y0}" x2="{x1}" y2="{y1}"'
    return f'{line} stroke="#49505c" stroke-width="1.8" marker-end="url(#tip)"/>'


def box(
    left: int, top: int, width: int, height: int, fill: str, title: str, lines: tuple[str, ...]
) -> str:
    middle, first = left + width / 2, top + 26
    shape = f'<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="8"'
    texts = [text(middle, first, title, 'font-size="17" font-weight="600"')]
    texts += [
        text(middle, first + 20 * n, line, 'font-size="14"') for n, line in enumerate(lines, 1)
    ]
    return "\n".join([f'{shape} fill="{fill}" stroke="#8b93a1"/>', *texts])


def text(x: float, y: float, words: str, style: str) -> str:
    place = f'x="{x:g}" y="{y:g}" text-anchor="middle" fill="#1b1f27"'
    return f"<text {place} {style}>{escape(words)}</text>"


if __name__ == "__main__":
    main()
