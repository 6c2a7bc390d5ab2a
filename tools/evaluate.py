#!/usr/bin/env python3
"""The command `scratch-d2 evaluate`, run from a clone."""

from scratch_d2.cli.common import run
from scratch_d2.cli.evaluate import main

if __name__ == "__main__":
    run(main)
