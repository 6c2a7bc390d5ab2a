"""The documents: their links lead somewhere, their commands, options and config keys exist."""

import contextlib
import io
import re
from functools import cache
from pathlib import Path

import pytest

from scratch_d2.cli.main import COMMANDS, load_command
from scratch_d2.config import default_config, flatten
from tests.documents import blocks_of

ROOT = Path(__file__).parents[1]
NAMES = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "MODEL_ZOO.md")
FOLDERS = ("datasets/README.md", "weights/README.md")
GENERATED = ("docs/reference/commands.md", "docs/reference/config.md")  # tests/test_site.py
PAGES = [*(ROOT / name for name in (*NAMES, *FOLDERS)), *sorted((ROOT / "docs").rglob("*.md"))]


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@cache
def options_of(command: str) -> set[str]:
    with contextlib.redirect_stdout(io.StringIO()) as said, pytest.raises(SystemExit):
        load_command(command)(["--help"])
    return set(re.findall(r"--[a-z][a-z-]*", said.getvalue()))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_only_what_exists(page):
    text = page.read_text("utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        if str(target.relative_to(ROOT)) in GENERATED:
            continue
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link
    keys = set(re.findall(r"\b(?:SCRATCH|GATE)\.[A-Z][A-Z_]+\b", text))
    assert keys <= flatten(default_config()).keys()
    joined = re.sub(r"\s*\\\n\s*", " ", text)
    for command, arguments in re.findall(r"scratch-d2 ([a-z][a-z-]*)([^\n`|]*)", joined):
        assert command in COMMANDS
        assert set(re.findall(r"(?<!\S)--[a-z][a-z-]*", arguments)) <= options_of(command)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_program_is_one(page):
    for block in blocks_of(page):
        if block.language == "python":
            compile(block.text, f"{page}:{block.line}", "exec")


@pytest.mark.parametrize(
    "page", sorted((ROOT / "docs/benchmarks").glob("[!i]*.md")), ids=lambda p: p.stem
)
def test_every_measurement_has_its_date_and_its_command(page):
    for section in re.split(r"^## ", page.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        title, text = section.split("\n", 1)
        assert re.search(r"^Measured on \d+ \w+ \d{4}, ", text, re.MULTILINE), title
        assert "```sh\n" in text, title


def test_no_picture_is_larger_than_300_kB():
    pictures = [path for path in (ROOT / "docs/pictures").iterdir() if path.is_file()]
    assert pictures and [p.name for p in pictures if p.stat().st_size > 300_000] == []
