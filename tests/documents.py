"""What tests read out of the documents: their blocks of code, their commands, their arguments."""

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]


class Block(NamedTuple):
    """A fenced block of code: its language, its text, and the line where it begins."""

    language: str
    text: str
    line: int


def blocks_of(page: Path) -> list[Block]:
    """Return the fenced blocks of a Markdown page, in order."""
    text = page.read_text("utf-8")
    found = re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(m[1], m[2], text.count("\n", 0, m.start()) + 1) for m in found]


def lines_of(block: Block) -> list[str]:
    """Return the commands of a block of shell code, each on one line, without comments."""
    joined = re.sub(r"\s*\\\n\s*", " ", block.text)
    lines = [re.sub(r"(^|\s)#.*", "", line).strip() for line in joined.splitlines()]
    return [line for line in lines if line]


def expand(words: str, folder: Path, variables: dict[str, str]) -> list[str]:
    """Return arguments as a shell hands them on: quotes, variables and patterns resolved."""
    script = f'printf "%s\\0" {words}'
    environment = {"PATH": "/usr/bin:/bin", **variables}
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().split("\0")[:-1]
