"""What the tools share: errors as one sentence, and KEY VALUE pairs of the config."""

import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import NoReturn

EXPECTED = (OSError, ValueError, ImportError, FloatingPointError)
USAGE = 2


def split_keys(texts: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split off the KEY VALUE pairs that an option of several values took for its own."""
    is_key = re.compile(r"[A-Z][A-Z0-9_]*(\.[A-Z0-9_]+)+|OUTPUT_DIR").fullmatch
    first = next((index for index, text in enumerate(texts) if is_key(text)), len(texts))
    return list(texts[:first]), list(texts[first:])


def run(main: Callable[[], int]) -> NoReturn:
    """Exit with what `main` returns; an expected error becomes one sentence and exit code 2.

    SCRATCH_D2_TRACE=1 in the environment prints where the error came from as well.
    """
    # What libraries announce for their next versions is no concern of who runs a tool.
    warnings.simplefilter("ignore", FutureWarning)
    try:
        sys.exit(main())
    except EXPECTED as error:
        if os.environ.get("SCRATCH_D2_TRACE"):
            traceback.print_exc()
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(USAGE)
