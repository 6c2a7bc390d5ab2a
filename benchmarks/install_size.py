#!/usr/bin/env python3
"""Print the size on disk of what an installation brings, by package.

    python benchmarks/install_size.py scratch_d2
    python benchmarks/install_size.py --requirements requirements-bundle.txt

Adds up the files of the packages named, and of all that they need, as they are installed beside
this script's Python: compiled files included. Extras are written as scratch_d2[serve]; what
scratch_d2 brings without extras is then left out. With --requirements, scratch_d2 itself counts
without what it needs, as `pip install --no-deps` installs it.
"""

import argparse
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scratch_d2.cli.common import run
from scratch_d2.utils.tables import format_table

OURS, MEGABYTE, LISTED = "scratch-d2", 1_000_000, 1.0


def size_of(found: Distribution) -> float:
    """Return the MB of the files of a package."""
    paths = [Path(str(found.locate_file(file))) for file in found.files or []]
    return sum(path.stat().st_size for path in paths if path.is_file()) / MEGABYTE


def add_needed(text: str, sizes: dict[str, float], missing: set[str]) -> None:
    """Add a package and all that it needs to `sizes`, by name."""
    requirement = Requirement(text)
    name = canonicalize_name(requirement.name)
    try:
        found = distribution(requirement.name)
    except PackageNotFoundError:
        missing.add(name)
        return
    is_new = name not in sizes
    if is_new:
        sizes[name] = size_of(found)
    for line in found.requires or []:
        needed = Requirement(line)
        environments = [{"extra": extra} for extra in (requirement.extras or {""})]
        if needed.marker is None:
            wanted = is_new
        else:
            wanted = any(map(needed.marker.evaluate, environments))
        if wanted and canonicalize_name(needed.name) not in sizes:
            add_needed(line.partition(";")[0], sizes, missing)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("packages", nargs="*", metavar="PACKAGE")
    parser.add_argument("--requirements", type=Path, metavar="FILE")
    args = parser.parse_args()
    sizes: dict[str, float] = {}
    missing: set[str] = set()
    if args.requirements:
        sizes[OURS] = size_of(distribution(OURS))
        lines = args.requirements.read_text("utf-8").splitlines()
        args.packages += [line for line in lines if line and not line.startswith("#")]
    elif any("[" in name for name in args.packages):
        add_needed(OURS, sizes, missing)
    base = set() if args.requirements else set(sizes)
    for name in args.packages:
        add_needed(name, sizes, missing)
    added = {name: size for name, size in sizes.items() if name not in base}
    large = sorted((n for n in added if added[n] >= LISTED), key=lambda n: -added[n])
    rows = [[name, f"{added[name]:.0f}"] for name in large]
    small = sum(added.values()) - sum(added[name] for name in large)
    rows.append([f"{len(added) - len(large)} more", f"{small:.0f}"])
    rows.append(["all", f"{sum(added.values()):.0f}"])
    print(format_table(rows, ["package", "MB"]))
    if missing:
        print(f"not installed here: {', '.join(sorted(missing))}")
    return 0


if __name__ == "__main__":
    run(main)
