"""Damaged labels of every format: an import names them and never fails."""

import json
import random
import warnings

import pytest

from scratch_d2.formats.importing import import_labels
from tests.formats.test_importing import CASES

ROUNDS = 12
SUFFIXES = (".json", ".xml", ".txt", ".yaml")
VALUES = (
    *(None, -1, 0, 1e308, float("nan"), True, 2**70, "x", "", "\ud800", "é", "a" * 500),
    *([], {}, [[]], [None], [1, 2, 3], {"size": [1, 1], "counts": [1]}, {"counts": "zz"}),
)
OCTETS = (b"9" * 10, b"-", b"<a>", b"nan", b'"', b"\x00", b"[[", b"1e308 0.5 ", b"\xff\xfe")


def change_values(value, rng):
    """Replace or leave out some of the values in JSON."""
    if rng.random() < 0.06:
        return rng.choice(VALUES)
    if isinstance(value, dict):
        return {k: change_values(v, rng) for k, v in value.items() if rng.random() > 0.02}
    if isinstance(value, list):
        return [change_values(v, rng) for v in value if rng.random() > 0.02]
    return value


def change_octets(content, rng):
    octets = bytearray(content)
    for _ in range(rng.randint(1, 6)):
        place = rng.randrange(len(octets) + 1)
        if rng.random() < 0.5:
            del octets[place : place + rng.randint(1, 20)]
        octets[place:place] = rng.choice(OCTETS)
    return bytes(octets)


@pytest.mark.parametrize("seed", range(ROUNDS))
@pytest.mark.parametrize(("name", "write"), CASES)
def test_damaged_labels_never_stop_an_import(tmp_path, name, write, seed):
    rng = random.Random(seed)
    write(tmp_path / "set")
    files = sorted(f for f in (tmp_path / "set").rglob("*.*") if f.suffix in SUFFIXES)
    file = rng.choice(files or sorted((tmp_path / "set").rglob("*.png")))
    if file.suffix == ".json" and seed % 3:
        file.write_text(json.dumps(change_values(json.loads(file.read_text()), rng)))
    else:
        file.write_bytes(change_octets(file.read_bytes(), rng))
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        report = import_labels(tmp_path / "set", tmp_path / "out", name, unlabelled="skip")
    assert (tmp_path / "out").exists() == (report.images > 0)
