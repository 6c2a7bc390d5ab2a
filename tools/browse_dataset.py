#!/usr/bin/env python3
"""The command `scratch-d2 browse`, run from a clone."""

from scratch_d2.cli.browse import main
from scratch_d2.cli.common import run

if __name__ == "__main__":
    run(main)
