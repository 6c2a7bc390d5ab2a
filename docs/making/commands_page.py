"""The page of commands, from the parsers of scratch_d2.cli."""

import argparse
import re
from unittest.mock import patch

from scratch_d2.cli.common import CommandParser
from scratch_d2.cli.main import COMMANDS, load_command

INTRODUCTION = """# Commands

`scratch-d2 COMMAND --help` prints what this page says. In a clone without the installed command,
`python -m scratch_d2 COMMAND` is the same. KEY VALUE pairs at the end set [config keys](config.md).
"""


class _Parsed(Exception):
    """Carries the parser of a command out of it, before it parses anything."""


def commands_page() -> str:
    """Return the page as Markdown: each command with its examples and options."""
    parsers = {name: parser_of(name) for name in COMMANDS}
    rows = ["| command | what it does |", "|---|---|"]
    for name, parser in parsers.items():
        rows.append(f"| [{name}](#{name}) | {str(parser.description).splitlines()[0]} |")
    sections = [_section(name, parser) for name, parser in parsers.items()]
    return "\n".join([INTRODUCTION, *rows, "", *sections])


def parser_of(command: str) -> argparse.ArgumentParser:
    """Return the parser that a command builds."""

    def stop(parser: argparse.ArgumentParser, *_: object) -> None:
        raise _Parsed(parser)

    # parse_args of argparse calls parse_known_args of CommandParser.
    with patch.object(CommandParser, "parse_known_args", stop):
        try:
            load_command(command)([])
        except _Parsed as carrier:
            return carrier.args[0]
    raise ValueError(f"scratch-d2 {command} parses no arguments")


def _section(name: str, parser: argparse.ArgumentParser) -> str:
    rows = ["| option | meaning |", "|---|---|"]
    for action in parser._actions:
        if action.dest != "help":
            rows.append(f"| {_names(action)} | {_cell(_meaning(action))} |")
    return f"## {name}\n\n{_description(str(parser.description))}\n\n" + "\n".join(rows) + "\n"


def _description(text: str) -> str:
    """Return a docstring as Markdown: its indented examples become blocks of shell code."""
    blocks, code = [], []
    for line in [*text.strip().splitlines(), "end"]:
        if line.startswith("    ") or (code and not line.strip()):
            code.append(line[4:])
            continue
        if code:
            blocks += ["```sh", "\n".join(code).strip(), "```", ""]
            code = []
        blocks.append(_prose(line))
    return "\n".join(blocks[:-1])


def _names(action: argparse.Action) -> str:
    value = action.metavar or ("|".join(map(str, action.choices)) if action.choices else "")
    if not value and action.nargs != 0:
        value = action.dest.upper()
    names = ", ".join(action.option_strings)
    needed = " (needed)" if action.required and action.option_strings else ""
    shown = " ".join(part for part in (names, str(value) if action.nargs != 0 else "") if part)
    return f"`{shown}`{needed}"


def _meaning(action: argparse.Action) -> str:
    text = (action.help or "").replace("%(default)s", str(action.default))
    return re.sub(r"%%", "%", text)


def _cell(text: str) -> str:
    return _prose(text).replace("|", r"\|")


def _prose(text: str) -> str:
    """Return plain text as Markdown, with its options as code."""
    text = text.replace("<", "&lt;").replace("*", r"\*").replace("_", r"\_")
    return re.sub(r"(?<![\w`-])(--[a-z][a-z-]+)", r"`\1`", text)
