"""The page of config keys, from the comments of scratch_d2/config_keys.py and d2_defaults.yaml."""

import re
from pathlib import Path

from scratch_d2.config import default_config, flatten
from scratch_d2.config_keys import ACCEPTED, RANGES

PACKAGE = Path(__file__).parents[2] / "scratch_d2"
INTRODUCTION = """# Config keys

A config is Detectron2's YAML. Keys are set in a file named by `--config-file`, or as KEY VALUE
pairs at the end of a command, which override the file:

```sh
scratch-d2 predict --input labels --output results SCRATCH.AREA_THRESHOLD 0.01
```

[Thresholds](files.md#thresholdsjson) come from `thresholds.json` beside the weights if it is there.
KEY VALUE pairs override that file too. Defaults are those of the package. The files in `configs/`
set many of Detectron2's keys to other values.
"""


def config_page() -> str:
    """Return the page as Markdown.

    Raises ValueError naming a key of ours that has no comment.
    """
    defaults, meanings = flatten(default_config()), our_comments()
    missing = [k for k in defaults if k.startswith(("SCRATCH.", "GATE.")) and k not in meanings]
    if missing:
        raise ValueError(f"scratch_d2/config_keys.py says nothing of {', '.join(missing)}")
    parts = [INTRODUCTION]
    for block in ("SCRATCH", "GATE"):
        keys = {k: v for k, v in defaults.items() if k.startswith(f"{block}.")}
        parts.append(f"## {block}\n\n{_our_table(keys, meanings)}")
    parts.append("## Keys of Detectron2\n\nThe meaning is given of those that matter here.")
    comments = detectron2_comments()
    for block in dict.fromkeys(_block(key) for key in defaults):
        if block not in ("SCRATCH", "GATE"):
            keys = {k: v for k, v in defaults.items() if _block(k) == block}
            parts.append(f"### {block or 'Without a block'}\n\n{_table(keys, comments)}")
    return "\n\n".join(parts) + "\n"


def our_comments() -> dict[str, str]:
    """Return {"GATE.WIDTH": the comment above it, ...}; a comment holds for all keys below it."""
    comments, words = {}, []
    fresh = True
    for line in (PACKAGE / "config_keys.py").read_text("utf-8").splitlines():
        comment = re.match(r" {4}# (.*)", line)
        key = re.match(r" {4}cfg\.((?:SCRATCH|GATE)\.[A-Z_]+) = ", line)
        if comment:
            words = [*words, comment[1]] if not fresh else [comment[1]]
            fresh = False
        elif key and not fresh:
            comments[key[1]] = " ".join(words)
            fresh = True
    return comments


def detectron2_comments() -> dict[str, str]:
    """Return {"SOLVER.MAX_ITER": its comment, ...} of d2_defaults.yaml, of whole blocks as well."""
    comments: dict[str, str] = {}
    stack: list[str] = []
    above = ""
    for line in (PACKAGE / "d2_defaults.yaml").read_text("utf-8").splitlines():
        if comment := re.match(r" *# (.*)", line):
            above = comment[1]
        if key := re.match(r"( *)([A-Z][A-Z0-9_]*):", line):
            stack = [*stack[: len(key[1]) // 2], key[2]]
            beside = line.partition("  # ")[2]
            if beside or above:
                comments[".".join(stack)] = beside or above
            above = ""
    return comments


def _block(key: str) -> str:
    """MODEL.RPN of MODEL.RPN.NMS_THRESH; MODEL of MODEL.DEVICE; "" of SEED."""
    return key.rpartition(".")[0]


def _our_table(keys: dict[str, object], meanings: dict[str, str]) -> str:
    rows = ["| key | default | accepted | meaning |", "|---|---|---|---|"]
    for key, default in keys.items():
        rows.append(f"| `{key}` | {_show(default)} | {_accepted(key, default)} | {meanings[key]} |")
    return "\n".join(rows)


def _table(keys: dict[str, object], comments: dict[str, str]) -> str:
    of_block = comments.get(_block(next(iter(keys))), "")
    rows = ["| key | default | meaning |", "|---|---|---|"]
    for key, default in keys.items():
        rows.append(f"| `{key}` | {_show(default)} | {comments.get(key, '')} |")
    return "\n".join([f"{of_block[:1].upper()}{of_block[1:]}.\n", *rows] if of_block else rows)


def _show(value: object) -> str:
    return "`null`" if value is None else f"`{value!r}`".replace("'", '"')


def _accepted(key: str, default: object) -> str:
    if key in ACCEPTED:
        return ", ".join(f"`{name}`" for name in ACCEPTED[key])
    if key in RANGES:
        low, high = RANGES[key]
        return f"{low:g} and more" if high == float("inf") else f"{low:g} to {high:g}"
    return {bool: "True, False", str: "text"}.get(type(default), "")
