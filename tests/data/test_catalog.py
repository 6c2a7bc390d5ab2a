import json

import numpy as np
import pytest

from scratch_d2.data.builtin import open_config, register_folder
from scratch_d2.data.catalog import find_dataset_dicts, get_dataset_dicts, register_scratch_dataset
from scratch_d2.data.coco import to_coco, write_coco_json
from scratch_d2.data.images import read_image
from scratch_d2.data.mask_files import read_mask
from scratch_d2.data.split import split_records
from scratch_d2.structures.dataset_dict import has_unknown_scratches
from scratch_d2.structures.masks import decode_rle, to_rle
from tests.builders import save, write_dataset


def test_dicts_hold_the_exact_masks(labels):
    dicts = get_dataset_dicts("tests_labels")
    assert [d["verdict"] for d in dicts] == ["good"] * 6 + ["bad"] * 4
    assert [d["image_id"] for d in dicts] == list(range(10))
    for item in dicts[6:]:
        union = np.zeros((item["height"], item["width"]), bool)
        for annotation in item["annotations"]:
            union |= decode_rle(to_rle(annotation["segmentation"], *union.shape))
        np.testing.assert_array_equal(union, read_mask(item["mask_file"]))
    assert all(item["annotations"] == [] and item["mask_file"] is None for item in dicts[:6])
    assert get_dataset_dicts("tests_labels") == dicts


def test_a_bad_image_without_mask_is_never_a_negative(tmp_path):
    (write_dataset(tmp_path) / "masks" / "bad1.png").unlink()
    register_scratch_dataset("tests_no_mask", tmp_path)
    dicts = get_dataset_dicts("tests_no_mask")
    unknown = [item for item in dicts if has_unknown_scratches(item)]
    assert [item["file_name"][-8:] for item in unknown] == ["bad1.png"]
    (annotation,) = unknown[0]["annotations"]
    assert annotation["iscrowd"] == 1 and annotation["bbox"] == [0, 0, 96, 64]


def test_a_folder_is_read_as_the_config_asks_for(tmp_path):
    for seconds in ("07.100000", "09.100000"):
        image = np.random.default_rng(int(seconds[1])).integers(0, 255, (64, 96, 3), np.uint8)
        save(image, tmp_path / f"good/07_09_2025_10_42_{seconds}.png")
    keys = ["SCRATCH.BURST_GAP", "0", "SCRATCH.DUPLICATE_DISTANCE", "-1"]
    for opts, groups in (([], 1), (keys, 2), ([], 1)):
        register_folder(open_config(None, opts), str(tmp_path))
        assert len({item["group"] for item in find_dataset_dicts(str(tmp_path))}) == groups
    register_folder(open_config(None, keys), "tests_of_nowhere")
    with pytest.raises(ValueError, match="neither a folder nor a registered dataset"):
        find_dataset_dicts("tests_of_nowhere")


def test_a_name_of_the_user_overrides_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_dataset(tmp_path / "elsewhere")
    write_dataset(tmp_path / "tests_named", good=1, bad=1)
    register_scratch_dataset("tests_named", tmp_path / "elsewhere")
    register_folder(open_config(), "tests_named")
    assert len(find_dataset_dicts("tests_named")) == 7


def test_registering_touches_no_disk_and_is_idempotent(tmp_path):
    for _ in range(2):
        register_scratch_dataset("tests_absent", tmp_path / "absent", split="val")
    with pytest.raises(ValueError, match="'tests_absent' is already registered as .*seed=0"):
        register_scratch_dataset("tests_absent", tmp_path / "absent", split="val", seed=1)
    register_scratch_dataset("tests_absent", tmp_path / "else", replace=True)
    with pytest.raises(FileNotFoundError, match="dataset 'tests_absent': .*else"):
        get_dataset_dicts("tests_absent")
    with pytest.raises(ValueError, match="split 'dev' is unknown; accepted are train, val, test"):
        register_scratch_dataset("tests_other", tmp_path, split="dev")
    with pytest.raises(ValueError, match="'tests_unknown' is not registered; registered are"):
        get_dataset_dicts("tests_unknown")


def test_splits_share_the_folder_and_its_ids(tmp_path):
    write_dataset(tmp_path, good=20, bad=10)
    ids, files = [], []
    for split in ("train", "val", "test"):
        register_scratch_dataset(f"tests_split_{split}", tmp_path, split=split, replace=True)
        dicts = get_dataset_dicts(f"tests_split_{split}")
        assert {item["verdict"] for item in dicts} == {"good", "bad"}
        ids += [item["image_id"] for item in dicts]
        files += [item["file_name"] for item in dicts]
    assert sorted(ids) == list(range(30)) and len(set(files)) == 30


def test_split_folders_are_taken_as_they_are(tmp_path):
    write_dataset(tmp_path / "train", good=3, bad=2)
    write_dataset(tmp_path / "test", good=1, bad=1)
    for split, count in (("train", 5), ("test", 2)):
        register_scratch_dataset(f"tests_own_{split}", tmp_path, split=split, replace=True)
        assert len(get_dataset_dicts(f"tests_own_{split}")) == count


def test_builtin_names_follow_the_environment_and_the_config(tmp_path, monkeypatch):
    from scratch_d2.config import load_config
    from scratch_d2.data.builtin import register_builtin

    write_dataset(tmp_path / "scratch_synth", good=4, bad=2)
    write_dataset(tmp_path / "mine", good=1, bad=1)
    monkeypatch.setenv("HOME", str(tmp_path.parent))
    for folder in (str(tmp_path), f"~/{tmp_path.name}"):
        monkeypatch.setenv("DETECTRON2_DATASETS", folder)
        register_builtin()
        assert len(get_dataset_dicts("scratch_synth_all")) == 6
    register_builtin(load_config(None, ["SCRATCH.DATA_ROOT", str(tmp_path / "mine")]))
    assert len(get_dataset_dicts("scratch_text_all")) == 2


def test_builtin_folds_follow_the_config(tmp_path):
    from scratch_d2.config import load_config
    from scratch_d2.data.builtin import register_builtin

    write_dataset(tmp_path, good=8, bad=4)
    keys = ["SCRATCH.DATA_ROOT", str(tmp_path), "SCRATCH.FOLDS", "4", "SCRATCH.SPLIT_SEED", "3"]
    register_builtin(load_config(None, keys))
    tested = [get_dataset_dicts(f"scratch_text_fold{fold}_test") for fold in range(4)]
    assert sorted(item["image_id"] for part in tested for item in part) == list(range(12))
    assert all({item["verdict"] for item in part} == {"good", "bad"} for part in tested)
    assert get_dataset_dicts("scratch_text_fold3_val") == tested[0]
    assert len(get_dataset_dicts("scratch_text_fold3_train")) == len(tested[1] + tested[2])
    with pytest.raises(ValueError, match="'scratch_text_fold4_test' is not registered"):
        get_dataset_dicts("scratch_text_fold4_test")


def test_near_duplicates_stay_in_one_split(tmp_path):
    write_dataset(tmp_path, good=20, bad=10)
    for index in range(20):
        image = read_image(tmp_path / f"good/good{index}.png")
        save(image - np.uint8(3), tmp_path / f"good/darker{index}.png")
    homes = {}
    for split in ("train", "val", "test"):
        register_scratch_dataset("tests_twins", tmp_path, split=split, replace=True)
        for item in get_dataset_dicts("tests_twins"):
            homes.setdefault(item["group"], []).append(split)
    assert sorted(map(len, homes.values())) == [1] * 10 + [2] * 20
    assert all(len(set(splits)) == 1 for splits in homes.values())


def test_coco_json_names_every_image(labels, tmp_path):
    dicts = get_dataset_dicts("tests_labels")
    coco = json.loads(write_coco_json(dicts, tmp_path / "new" / "coco.json").read_text())
    assert len(coco["images"]) == 10 and len(coco["annotations"]) == 4
    assert coco["images"][6]["file_name"] == "bad/bad0.png"
    first = coco["annotations"][0]
    x0, y0, x1, y1 = dicts[6]["annotations"][0]["bbox"]
    assert first["bbox"] == [x0, y0, x1 - x0, y1 - y0]
    assert (first["id"], first["image_id"], first["area"]) == (1, 6, 240.0)


@pytest.mark.detectron2
def test_plain_detectron2_takes_the_extra_keys(labels):
    from detectron2.config import get_cfg
    from detectron2.data import DatasetMapper

    mapper = DatasetMapper(get_cfg(), is_train=True)
    item = get_dataset_dicts("tests_labels")[6]
    mapped = mapper(item)
    assert {key: mapped[key] for key in ("group", "sha256", "phash")} == {
        key: item[key] for key in ("group", "sha256", "phash")
    }
    assert len(mapped["instances"]) == 1 and item == get_dataset_dicts("tests_labels")[6]


@pytest.mark.detectron2
def test_names_are_in_the_catalog_of_detectron2(labels):
    from detectron2.data import DatasetCatalog, MetadataCatalog

    assert DatasetCatalog.get("tests_labels") == get_dataset_dicts("tests_labels")
    assert MetadataCatalog.get("tests_labels").thing_classes == ["scratch"]


def test_the_split_of_names_is_that_of_records(tmp_path):
    from scratch_d2.data.records import scan_folder

    write_dataset(tmp_path, good=9, bad=6)
    register_scratch_dataset("tests_seeded", tmp_path, split="test", seed=7, replace=True)
    expected = split_records(scan_folder(tmp_path)[0], seed=7)["test"]
    found = [item["file_name"] for item in get_dataset_dicts("tests_seeded")]
    assert found == [str(record.image) for record in expected]


def test_file_names_in_coco_begin_at_good_or_bad(tmp_path):
    write_dataset(tmp_path / "all", good=1, bad=1)
    (tmp_path / "labels/good").mkdir(parents=True)
    (tmp_path / "all/good").rename(tmp_path / "labels/good/2024")
    (tmp_path / "all/bad").rename(tmp_path / "labels/Bad")
    images = to_coco(find_dataset_dicts(str(tmp_path / "labels")))["images"]
    assert [image["file_name"] for image in images] == ["good/2024/good0.png", "Bad/bad0.png"]
