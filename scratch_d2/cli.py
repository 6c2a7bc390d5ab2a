"""What the tools share: errors as one sentence, and thresholds and datasets as the config says."""

import os
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import NoReturn

EXPECTED = (OSError, ValueError, ImportError, FloatingPointError)
USAGE = 2


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
