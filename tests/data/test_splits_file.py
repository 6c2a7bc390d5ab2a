import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

from scratch_d2.data.catalog import (
    find_dataset_dicts,
    get_dataset_dicts,
    register_scratch_dataset,
    save_training_splits,
)
from scratch_d2.data.split import read_splits
from tests.builders import draw_label, save, write_dataset
from tests.commands import Done, run_command

ROOT = Path(__file__).parents[2]
SPLITS = ("train", "val", "test")


def split_dataset(root: Path, *options: str) -> Done:
    return run_command("split", "--root", root, *options)


@pytest.fixture(scope="module")
def saved_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_dataset(tmp_path_factory.mktemp("saved"), good=12, bad=8)
    done = split_dataset(root, "--seed", "5", "--burst-gap", "10", "--folds", "3")
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture
def saved(saved_once: Path, tmp_path: Path) -> Path:
    return shutil.copytree(saved_once, tmp_path / "labels")


def files_of(root: Path, split: str, **options: object) -> list[str]:
    register_scratch_dataset("tests_saved", root, split=split, replace=True, **options)
    dicts = get_dataset_dicts("tests_saved")
    return [Path(item["file_name"]).relative_to(root).as_posix() for item in dicts]


def listed(root: Path) -> dict[str, list[str]]:
    splits = read_splits(root / "splits.json")
    return {split: [row["file"] for row in rows] for split, rows in splits.items()}


def test_the_tool_shows_what_it_saves(tmp_path):
    root = write_dataset(tmp_path / "labels", good=6, bad=4)
    shutil.copy(root / "good/good0.png", root / "good/again.png")
    (root / "good/broken.png").write_text("no image")
    done = split_dataset(root, "--output", str(tmp_path / "new/mine.json"))
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["split", "images", "Good", "Bad", "groups", "largest", "group"]
    counts = np.array([line.split()[1:] for line in lines[1:4]], int)
    assert counts.sum(axis=0)[:4].tolist() == [11, 7, 4, 10] and counts[:, 4].max() == 2
    assert "joined to others by near-duplicates: 1" in done.stdout
    assert "broken.png': not an image" in done.stderr
    assert not (root / "splits.json").exists()
    assert set(read_splits(tmp_path / "new/mine.json")) == set(SPLITS)


def test_a_saved_split_is_not_overwritten(saved):
    before = (saved / "splits.json").read_bytes()
    done = split_dataset(saved)
    assert done.returncode == 2
    assert "splits.json' exists: a split is saved once" in done.stderr
    assert (saved / "splits.json").read_bytes() == before


def test_registrations_use_the_file_and_say_so(saved, caplog):
    expected = listed(saved)
    with caplog.at_level(logging.WARNING):
        for split in SPLITS:
            assert files_of(saved, split, seed=9) == expected[split]
    said = [record.message for record in caplog.records]
    assert len(said) == 1
    assert "saved split is used, with seed 5 instead of 9, burst_gap 10.0 instead of" in said[0]
    assert sorted(sum((expected[split] for split in SPLITS), [])) == sorted(files_of(saved, "all"))


def test_folds_are_saved_too(saved):
    expected = listed(saved)
    assert files_of(saved, "fold1_test", folds=3) == expected["fold1_test"]
    assert files_of(saved, "fold1_val", folds=3) == expected["fold2_test"]
    assert files_of(saved, "fold1_train", folds=3) == expected["fold0_test"]
    with pytest.raises(ValueError, match="no split 'fold4_test' in it, but train, .*--folds"):
        files_of(saved, "fold4_test", folds=5)


def test_later_photographs_are_in_no_split(saved, caplog):
    label = draw_label(np.random.default_rng(99), width=130)
    save(label, saved / "good" / "a_new.png")
    shutil.copy(saved / "good/good0.png", saved / "bad/a_newer.png")
    with caplog.at_level(logging.WARNING):
        for split in SPLITS:
            assert files_of(saved, split, seed=5, burst_gap=10) == listed(saved)[split]
    added = [r.message for r in caplog.records if "came after the split was saved" in r.message]
    assert len(added) == 1
    assert "splits.json: good/a_new.png, like 1 more, came" in added[0]
    assert "run scratch-d2 split" in added[0]
    assert len(files_of(saved, "all")) == 22


def test_another_photograph_under_a_known_name_is_refused(saved):
    shutil.copy(saved / "good/good1.png", saved / "good/good0.png")
    for split in SPLITS:
        with pytest.raises(ValueError, match="good/good0.png changed since the split was saved"):
            files_of(saved, split)
    assert len(files_of(saved, "all")) == 20


def test_missing_and_moved_photographs_are_named(saved, caplog):
    expected = listed(saved)
    train, test = expected["train"], expected["test"]
    gone, moved = saved / train[0], saved / next(f for f in test if f.startswith("good"))
    gone.unlink()
    moved.rename(saved / "bad" / "judged_anew.png")
    with caplog.at_level(logging.WARNING):
        assert files_of(saved, "train", seed=5) == train[1:]
        found = files_of(saved, "test", seed=5)
    place = test.index(f"good/{moved.name}")
    assert found == [*test[:place], "bad/judged_anew.png", *test[place + 1 :]]
    assert get_dataset_dicts("tests_saved")[place]["verdict"] == "bad"
    said = "\n".join(record.message for record in caplog.records)
    assert f"{train[0]} cannot be found or read and left its split" in said
    assert f"good/{moved.name} moved to " in said and "came after" not in said


def test_saved_groups_hold(saved):
    """A photograph that came later may join two groups; what is saved does not move."""
    content = json.loads((saved / "splits.json").read_text())
    content["splits"]["test"][0]["group"] = "as it was"
    (saved / "splits.json").write_text(json.dumps(content))
    files_of(saved, "test")
    assert get_dataset_dicts("tests_saved")[0]["group"] == "as it was"


def add_to_test(content: dict) -> None:
    content["splits"]["test"].append(content["splits"]["train"][0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (add_to_test, r"good/\w+.png is in train and in test; one split per image"),
        (lambda c: c["settings"].update(train=["mine"]), "its settings are .*; accepted are seed"),
        (lambda c: c["settings"].update(folds=1), "folds is 1"),
        (lambda c: c["settings"].update(seed="0", burst_gap="x"), "its settings are "),
        (lambda c: c.pop("splits"), "not a file of splits"),
    ],
)
def test_files_that_cannot_be_followed_are_refused(saved, change, message):
    content = json.loads((saved / "splits.json").read_text())
    change(content)
    (saved / "splits.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=f"splits.json: .*{message}"):
        files_of(saved, "train")
    assert len(find_dataset_dicts(str(saved))) == 20


def test_subfolders_go_before_the_file(saved):
    write_dataset(saved / "train", good=1, bad=1)
    assert sorted(files_of(saved, "train")) == ["train/bad/bad0.png", "train/good/good0.png"]


def test_a_training_writes_what_its_model_has_seen(tiny_cfg, tmp_path, caplog):
    tiny_cfg.DATASETS.TEST = ("of_another_project", "tests_labels")
    with caplog.at_level(logging.INFO):
        datasets = tiny_cfg.DATASETS.TRAIN, tiny_cfg.DATASETS.TEST
        path = save_training_splits(*datasets, tmp_path)
    assert "splits.json leaves out of_another_project" in caplog.text
    dicts, splits = get_dataset_dicts("tests_labels"), read_splits(path)
    assert path == tmp_path / "splits.json" and splits["val"] == splits["train"]
    assert [row["file"] for row in splits["train"]] == [item["file_name"] for item in dicts]
    for key in ("verdict", "group", "sha256", "phash"):
        assert [row[key] for row in splits["train"]] == [item[key] for item in dicts]
    settings = json.loads(path.read_text())["settings"]
    assert settings.pop("statistics")["photographs"] == len(dicts)
    assert settings == {
        "train": ["tests_labels"],
        "val": ["tests_labels"],
        "left_out": ["of_another_project"],
    }
