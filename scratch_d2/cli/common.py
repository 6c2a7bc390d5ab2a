"""What the tools share: errors as one sentence, and KEY VALUE pairs of the config."""

import argparse
import os
import re
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

from scratch_d2.utils.bundled import PRETRAINED, reference_weights
from scratch_d2.utils.image_names import is_image_name

EXPECTED = (OSError, ValueError, ImportError, FloatingPointError)
USAGE, INTERRUPTED = 2, 130


class CommandParser(argparse.ArgumentParser):
    """A parser that names a misspelt option, and the one that was probably meant."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuse unknown options first: KEY VALUE pairs would take them without a word."""
        for word in sys.argv[1:] if args is None else args:
            name = str(word).split("=")[0]
            if not re.fullmatch(r"--[a-z][a-z-]*", name):
                continue
            known = list(self._option_string_actions)
            if not any(option.startswith(name) for option in known):
                guesses = get_close_matches(name, known, n=1)
                hint = f"; did you mean {guesses[0]}?" if guesses else ""
                self.error(f"unrecognized arguments: {name}{hint}")
        return super().parse_known_args(args, namespace)


def command_parser(name: str, doc: str) -> argparse.ArgumentParser:
    """Return the parser of a command, which shows the docstring of its module as it is."""
    return CommandParser(
        prog=f"scratch-d2 {name}",
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_config(parser: argparse._ActionsContainer, default: str | None = None) -> None:
    """Add --config-file; `default` says what stands in for it, None makes it required."""
    words = "a file of your own, or one of this package" + (f" ({default})" if default else "")
    parser.add_argument("--config-file", required=not default, metavar="FILE", help=words)


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Add --engine."""
    names = ["auto", "d2", "embedded"]
    words = "what runs the detector: Detectron2 or torchvision (SCRATCH.ENGINE)"
    parser.add_argument("--engine", choices=names, help=words)


def add_pairs(parser: argparse.ArgumentParser) -> None:
    """Add KEY VALUE pairs, which come last, as `opts`."""
    words = "config keys with their values, which override the file; they come last"
    parser.add_argument("opts", nargs=argparse.REMAINDER, metavar="KEY VALUE", help=words)


def use_reference_models(config_file: str | None, opts: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Return a config file and KEY VALUE pairs: the reference models if no file is named.

    Pairs that name other weights, or an OUTPUT_DIR with a trained model, override them.
    """
    if config_file is not None:
        return config_file, opts
    return PRETRAINED, opts if "OUTPUT_DIR" in opts[::2] else [*reference_weights(), *opts]


def split_keys(texts: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split off the KEY VALUE pairs that an option of several values took for its own.

    A file that exists, and a name like DSC_0001.PNG, is a value whatever it looks like.
    """
    first = next((index for index, text in enumerate(texts) if _is_key(text)), len(texts))
    return list(texts[:first]), list(texts[first:])


def printable(text: str) -> str:
    """Return a text with what a terminal would act on, and line breaks, replaced by "?"."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _is_key(text: str) -> bool:
    if not re.fullmatch(r"[A-Z][A-Z0-9_]*(\.[A-Z0-9_]+)+|OUTPUT_DIR", text):
        return False
    return not is_image_name(Path(text)) and not Path(text).is_file()


def run(main: Callable[[], int]) -> NoReturn:
    """Exit with what `main` returns; an expected error becomes one sentence and exit code 2.

    Ctrl-C, SIGTERM, or `interrupt`, becomes exit code 130. SCRATCH_D2_TRACE=1 in
    the environment prints where an error came from as well. Services may have closed the standard
    streams.
    """
    _open_streams()
    on_stop(interrupt, signal.SIGTERM)
    # What libraries announce for their next versions is no concern of who runs a tool.
    warnings.simplefilter("ignore", FutureWarning)
    try:
        sys.exit(main())
    except KeyboardInterrupt as stopped:
        print(f"interrupted{'; ' if str(stopped) else ''}{stopped}", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except EXPECTED as error:
        if os.environ.get("SCRATCH_D2_TRACE"):
            traceback.print_exc()
        print(f"error: {_sentence(error)}", file=sys.stderr)
        sys.exit(USAGE)


def _sentence(error: Exception) -> str:
    text = " ".join(str(error).split())
    missing = str(error.name).split(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if missing in ("torch", "torchvision", "timm"):
        return (
            f"{text}; an installation for bundles runs predict and serve with --bundle FOLDER, the "
            "rest needs a complete one: pip install scratch_d2"
        )
    return text


def _open_streams() -> None:
    """Open what is closed of the standard streams, or the next file opened would take its place."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))


@contextmanager
def saying_how_to_resume(folder: str | Path) -> Iterator[None]:
    """Add to an interruption of a training whether --resume can continue in its folder."""
    try:
        yield
    except KeyboardInterrupt:
        there = (Path(folder) / "last_checkpoint").exists()
        raise KeyboardInterrupt(
            f"--resume continues from the last checkpoint in {folder}"
            if there
            else f"there is no checkpoint in {folder} yet to resume from"
        ) from None


def on_stop(act: Callable[[], object], *signals: signal.Signals) -> None:
    """Call `act` instead of dying when one of the signals comes, such as SIGTERM of a service."""
    for number in signals:
        signal.signal(number, lambda *_: act())


def interrupt() -> NoReturn:
    """Raise what Ctrl-C raises."""
    raise KeyboardInterrupt
