"""Find scratches on printed labels and judge the labels Good or Bad."""

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from types import ModuleType

from scratch_d2 import __version__
from scratch_d2.cli.common import run

COMMANDS = (
    *("predict", "evaluate", "calibrate", "fine-tune", "train-gate", "train-detector"),
    *("render", "split", "browse", "describe", "coco", "compare", "convert", "export", "review"),
    *("import", "export-labels", "select", "serve", "merge"),
)
MODULES = {"import": "import_labels"}  # no module may be named as a keyword


def load_command(name: str) -> Callable[[Sequence[str]], int]:
    """Return `main` of the module that holds a command."""
    return _module(name).main


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that comes first in `argv` with the arguments that follow it."""
    argv = sys.argv[1:] if argv is None else argv
    if argv and argv[0] in COMMANDS:
        return load_command(argv[0])(argv[1:])
    parser = _parser()
    if argv and not argv[0].startswith("-"):
        parser.error(_unknown(argv[0]))
    parser.parse_args(argv)
    parser.print_help()
    return 0


def run_command() -> None:
    """Run the command line: what `scratch-d2` and `python -m scratch_d2` start."""
    run(main)


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"scratch_d2.cli.{MODULES.get(name, name.replace('-', '_'))}")


def _parser() -> argparse.ArgumentParser:
    width = max(map(len, COMMANDS))
    rows = [f"  {name:{width}}  {_summary(name)}" for name in COMMANDS]
    parser = argparse.ArgumentParser(
        prog="scratch-d2",
        usage="scratch-d2 COMMAND ...",
        description=__doc__,
        epilog="\n".join(["commands:", *rows, "", "scratch-d2 COMMAND --help shows its options."]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parser


def _summary(name: str) -> str:
    return str(_module(name).__doc__).splitlines()[0]


def _unknown(name: str) -> str:
    guesses = get_close_matches(name, COMMANDS, n=1)
    hint = f"did you mean {guesses[0]}?" if guesses else f"accepted are {', '.join(COMMANDS)}"
    return f"command {name!r} is unknown; {hint}"
