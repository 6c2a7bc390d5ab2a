from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratch_d2.data.records import Record
from scratch_d2.data.split import FRACTIONS, split_records


def make_records(groups: list[tuple[int, int]]) -> list[Record]:
    """Records of groups with (Good, Bad) images each."""
    records = []
    for number, (good, bad) in enumerate(groups):
        for index in range(good + bad):
            verdict = "good" if index < good else "bad"
            path = Path(f"{verdict}/{number:03d}_{index}.png")
            records.append(Record(path, verdict, None, f"group{number}", 10, 10))
    return records


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), max_size=40), st.integers(0, 9))
def test_a_split_is_a_partition_that_keeps_groups_whole(groups, seed):
    records = make_records(groups)
    splits = split_records(records, seed)
    assert sorted(r.image for part in splits.values() for r in part) == sorted(
        record.image for record in records
    )
    homes = {(record.group, split) for split, part in splits.items() for record in part}
    assert len(homes) == len({record.group for record in records})


def test_shares_hold_for_good_and_bad_alike():
    records = make_records([(3, 0)] * 800 + [(0, 2)] * 300)
    splits = split_records(records)
    for verdict, total in (("good", 2400), ("bad", 600)):
        for split, share in FRACTIONS.items():
            found = sum(record.verdict == verdict for record in splits[split])
            assert found == pytest.approx(share * total, abs=3)


def test_the_seed_decides():
    records = make_records([(1, 0)] * 60)
    test = [split_records(records, seed)["test"] for seed in (0, 0, 1)]
    assert test[0] == test[1] != test[2]
    backwards = split_records(records[::-1], 0)["test"]
    assert set(backwards) == set(test[0])
