#!/usr/bin/env python3
"""Refuse words that make sentences read as if they were translated: in documents and in code.

python .ci/prose.py            # all tracked documents and Python files
python .ci/prose.py FILE...

Each rule is a pattern and what to write instead. A line with "prose: ignore" is left alone.
"""

import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENTS, CODE = (".md", ".cff"), (".py", ".yaml")
CONDITION = r"it|that|there|one|none|no \w+|a (run|value|worker|name)|the (disk|device|folder)"
RULES = {
    # "where" for "if": after what is returned or raised, and before a condition.
    r"(Error|\b(?:None|False|empty|0)) where (?!to\b)": "if",
    rf"\b(copied|copies|links?|warns?|only|even|also|or) where ({CONDITION})\b": "if",
    r"\bwhere (asked|given|possible|installed|needed|wanted|necessary|known)\b": "if",
    r"\bwherever\b(?! it strikes)": "if, or: in every place where",
    r"\b(goes|go|went) before\b": "overrides, or: comes before",
    r"\b(goes|go|went|going) on\b": "continues, resumes",
    r"\bsuch (a|an) one\b": "one of that kind",
    r"\btells? none\b": "say what it does not tell",
    r"\balarms?\b": "false positives",
    r"\bof (no|little) account\b": "ignored",
    r"\b(as|than) it stands\b": "as it is",
    r"\bstands (in|on|beside|behind|after|before|there|here)\b(?! for)": "is",
    r"\b(figures stand|as they stand)\b": "are",
    r"\b(ms|s|seconds|time|detections|anchors|scratches|rows|bytes) an image\b": "per image",
    r"\b(an?|the) (hour|day|minute|second) at most\b": "at most an hour",
    r"\bthaw(s|ed|ing)?\b": "apply",
    r"\bso as to\b": "to",
    r"\bby hand of\b": "by",
    r"\bone's own\b": "your own",
}
IGNORE = "prose: ignore"


def main(names: list[str]) -> int:
    files = [Path(name) for name in names] or tracked_files()
    faults = [fault for file in files for fault in faults_of(file)]
    if faults:
        print("\n".join(faults))
    return 1 if faults else 0


def tracked_files() -> list[Path]:
    """Return the files that git knows, this one and the tests of the rules left out."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout
    files = [ROOT / name for name in listed.splitlines() if not name.startswith(("tests/", ".ci/"))]
    return [file for file in files if file.suffix in (*DOCUMENTS, *CODE) and file.is_file()]


def faults_of(file: Path) -> Iterator[str]:
    """Yield "FILE:LINE: ..." for each match of a rule in the sentences of a file."""
    text = file.read_text("utf-8")
    sentences = python_sentences(text) if file.suffix == ".py" else enumerate(text.splitlines(), 1)
    for number, line in sentences:
        for pattern, better in RULES.items():
            match = re.search(pattern, line)
            if match and IGNORE not in line:
                yield f"{file}:{number}: {match[0]!r}; write: {better}"


def python_sentences(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of comments, docstrings and other texts of a program, with their numbers."""
    texts = (tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", -1))
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in texts:
            for offset, line in enumerate(token.string.splitlines()):
                yield token.start[0] + offset, line


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
