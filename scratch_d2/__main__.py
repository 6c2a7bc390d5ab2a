"""`python -m scratch_d2` is the command `scratch-d2`."""

from scratch_d2.cli.main import run_command

if __name__ == "__main__":
    run_command()
