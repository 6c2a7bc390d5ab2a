#!/usr/bin/env python3
"""The command `scratch-d2 predict`, run from a clone."""

from scratch_d2.cli.common import run
from scratch_d2.cli.predict import main

if __name__ == "__main__":
    run(main)
