from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratch_d2.data.groups import find_bursts, find_groups

STAMPS = ["05_08_2024_11_40_37.50", "05_08_2024_11_40_59.90", "05_08_2024_11_41_29.80"]
FAR = ["00" * 8, "0f" * 8, "ff" * 8, "f0" * 8]


def test_bursts_are_groups():
    late = ["05_08_2024_11_42_00.00", "06_08_2024_11_42_00.10"]
    other = ["Code01234", "99_99_2024_11_42_00.10"]
    paths = [Path(f"{name}_cls_input.png") for name in (*STAMPS, *late, *other)]
    groups = list(find_bursts(paths).items())
    by_name = {path.name.removesuffix("_cls_input.png"): group for path, group in groups}
    assert len({by_name[name] for name in STAMPS}) == 1
    assert len({by_name[name] for name in (STAMPS[0], *late, *other)}) == 5


@pytest.mark.parametrize(("gap", "groups"), [(0, 3), (22.4, 2), (29, 2), (29.9, 1), (60, 1)])
def test_the_gap_decides(gap, groups):
    paths = [Path(f"{name}.png") for name in STAMPS]
    assert len(set(find_bursts(paths, gap).values())) == groups


def test_a_burst_of_good_and_bad_is_one_group():
    paths = [Path("good") / f"{STAMPS[0]}.png", Path("bad") / f"{STAMPS[1]}.png"]
    assert set(find_groups(paths, FAR[:2]).values()) == {STAMPS[0]}


def test_bursts_that_hold_near_duplicates_are_joined():
    paths = [Path(f"{name}.png") for name in ("c", "b", "a", "d")]
    hashes = ["01" + "0" * 14, "0" * 16, FAR[2], FAR[3]]
    assert list(find_groups(paths, hashes, distance=1).values()) == ["b", "b", "a", "d"]
    assert list(find_groups(paths, hashes, distance=0).values()) == ["c", "b", "a", "d"]
    assert list(find_groups(paths, ["00"] * 4, distance=-1).values()) == ["c", "b", "a", "d"]


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(FAR)), min_size=1, max_size=12))
def test_a_group_is_what_bursts_and_duplicates_connect(images):
    """Two images are in one group where a chain of equal stems and equal hashes leads across."""
    paths = [Path(str(index)) / f"{stem}.png" for index, (stem, _) in enumerate(images)]
    groups = find_groups(paths, [phash for _, phash in images], distance=0)
    linked = np.array([[a[0] == b[0] or a[1] == b[1] for b in images] for a in images])
    reached = np.linalg.matrix_power(linked.astype(float), len(images)) > 0
    found = np.array([[groups[a] == groups[b] for b in paths] for a in paths])
    np.testing.assert_array_equal(found, reached)
