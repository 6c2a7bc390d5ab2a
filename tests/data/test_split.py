import copy
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratch_d2.data.catalog import find_dataset_dicts
from scratch_d2.data.records import Record
from scratch_d2.data.split import (
    FRACTIONS,
    ROW,
    SplitSettings,
    add_folds,
    data_hash,
    draw_splits,
    read_splits,
    split_names,
    split_records,
    write_splits,
)
from scratch_d2.structures.masks import to_rle
from tests.builders import write_dataset

GROUPS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), max_size=40)


def make_records(groups: list[tuple[int, int]]) -> list[Record]:
    """Records of groups with (Good, Bad) images each."""
    records = []
    for number, (good, bad) in enumerate(groups):
        for index in range(good + bad):
            verdict = "good" if index < good else "bad"
            path = Path(f"{verdict}/{number:03d}_{index}.png")
            records.append(Record(path, verdict, None, f"group{number}", 10, 10))
    return records


@given(GROUPS, st.integers(0, 9))
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


@given(GROUPS, st.integers(3, 6))
def test_every_image_is_tested_in_one_fold(groups, folds):
    records = make_records(groups)
    splits = add_folds(draw_splits(records, SplitSettings(folds=folds)))
    assert set(splits) == set(split_names(folds))
    whole = sorted(record.image for record in records)
    tests = [splits[f"fold{fold}_test"] for fold in range(folds)]
    assert sorted(record.image for part in tests for record in part) == whole
    for fold in range(folds):
        parts = [splits[f"fold{fold}_{split}"] for split in FRACTIONS]
        assert sorted(record.image for part in parts for record in part) == whole
        homes = {(r.group, index) for index, part in enumerate(parts) for r in part}
        assert len(homes) == len({record.group for record in records})
        assert splits[f"fold{fold}_val"] == splits[f"fold{(fold + 1) % folds}_test"]


def test_folds_are_of_one_size_and_leave_the_splits_as_they_are():
    records = make_records([(3, 0)] * 100 + [(1, 2)] * 50)
    splits = draw_splits(records, SplitSettings(seed=3, folds=5))
    assert {name: splits[name] for name in FRACTIONS} == split_records(records, seed=3)
    for fold in range(5):
        part = splits[f"fold{fold}_test"]
        assert sum(record.verdict == "bad" for record in part) == 20
        assert len(part) == pytest.approx(90, abs=4)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"folds": 2}, "folds is 2; accepted is 0, or 3 and more"),
        ({"folds": -1}, "folds is -1"),
        ({"burst_gap": -0.5}, "burst_gap is -0.5; accepted is 0 or more seconds"),
        ({"burst_gap": float("nan")}, "burst_gap is nan"),
        ({"duplicate_distance": -2}, "duplicate_distance is -2; accepted is -1 or more bits"),
    ],
)
def test_settings_that_mean_nothing_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        SplitSettings(**setting)


def test_what_is_written_is_read(tmp_path):
    rows = [{key: f'{key} "{index}" ü' for key in ROW} for index in range(3)]
    splits = {"train": rows[:2], "val": [], "test": rows[2:]}
    extra = {"test": [{**rows[2], "annotations": []}]}
    path = write_splits({**splits, **extra}, tmp_path / "splits.json", {"seed": 1})
    assert read_splits(path) == splits
    assert json.loads(path.read_text("utf-8"))["settings"] == {"seed": 1}
    assert path.read_text("utf-8").count('\n{"file": ') == 3


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"version": 1}',
        '{"version": 2, "settings": {}, "splits": {}}',
        '{"version": 1, "settings": {}, "splits": []}',
        '{"version": 1, "settings": 3, "splits": {}}',
        '{"version": 1, "settings": {}, "splits": {"train": ["good/a.png"]}}',
        '{"version": 1, "settings": {}, "splits": {"train": [{"file": "good/a.png"}]}}',
        '{"version": 1, "settings": {}, "splits": {"train": 7}}',
        b"\xff\xfe",
    ],
)
def test_damaged_and_foreign_files_are_named(tmp_path, text):
    file = tmp_path / "splits.json"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match="splits.json: not a file of splits .*file, verdict, gro"):
        read_splits(file)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.json.: no such file"):
        read_splits(tmp_path / "none.json")


def test_the_hash_of_data_knows_images_and_truth_alone(tmp_path):
    dicts = find_dataset_dicts(str(write_dataset(tmp_path / "a")))
    elsewhere = find_dataset_dicts(str(write_dataset(tmp_path / "b")))
    assert data_hash(elsewhere[::-1]) == data_hash(dicts)
    assert data_hash([{k: v for k, v in d.items() if k != "sha256"} for d in dicts]) == data_hash(
        dicts
    )
    changes = [dicts[1:], dicts + dicts[:1], *(copy.deepcopy(dicts) for _ in range(3))]
    changes[2][0]["verdict"] = "bad"
    changes[3][0]["sha256"] = "0" * 64
    changes[4][-1]["annotations"][0]["segmentation"][0][0] += 1
    assert len({data_hash(each) for each in (dicts, *changes)}) == 6


def test_the_hash_takes_truth_in_any_form():
    box = [[0.0, 0.0, 4.0, 0.0, 4.0, 4.0]]
    forms = [box, [np.array(box[0])], to_rle(box, 9, 9)]
    forms.append({**forms[2], "counts": forms[2]["counts"].encode()})
    hashes = [data_hash([{"sha256": "0", "annotations": [{"segmentation": f}]}]) for f in forms]
    assert hashes[0] == hashes[1] != hashes[2] == hashes[3]
