"""Each format becomes the same folder of good/, bad/, masks/ and boxes.csv."""

import json

import numpy as np
import pytest

from scratch_d2.data.catalog import find_dataset_dicts
from scratch_d2.data.mask_files import read_mask
from scratch_d2.formats.classes import Classes
from scratch_d2.formats.importing import import_labels
from scratch_d2.formats.table import find_formats
from scratch_d2.structures.dataset_dict import mask_of
from tests.builders import draw_label, save
from tests.formats import sets

FORMATS = {
    "coco": sets.coco,
    "labelme": sets.labelme,
    "cvat": sets.cvat,
    "label-studio": sets.label_studio,
    "yolo": sets.yolo,
    "voc": sets.voc,
    "mvtec": sets.mvtec,
}
CASES = [*FORMATS.items(), ("label-studio", sets.label_studio_min)]
WITHOUT_VERDICTS = ("yolo", "voc")


@pytest.mark.parametrize(("name", "write"), CASES)
def test_a_set_becomes_a_dataset(tmp_path, name, write):
    source = write(tmp_path / "set")
    root = tmp_path / "set"
    assert find_formats(root) == [name]
    report = import_labels(source, tmp_path / "out", unlabelled="good")
    assert report.left_out == report.dropped == []
    assert (report.good, report.bad, report.linked) == (1, 2, 3)
    assert report.unlabelled == (name in WITHOUT_VERDICTS)
    dicts = {d["file_name"].split("/")[-1]: d for d in find_dataset_dicts(str(tmp_path / "out"))}
    assert dicts["clean.png"]["verdict"] == "good"
    assert {n: d["verdict"] for n, d in dicts.items() if n != "clean.png"} == {
        "outlined.png": "bad",
        "boxed.png": "bad",
    }
    marked = [(a["bbox"], a["iscrowd"]) for a in dicts["outlined.png"]["annotations"]]
    assert marked == [([20, 20, 50, 40], int(name == "voc"))]
    if name != "voc":
        np.testing.assert_array_equal(mask_of(dicts["outlined.png"]), sets.MASK)
    (crowd,) = dicts["boxed.png"]["annotations"]
    whole = [0, 0, sets.WIDTH, sets.HEIGHT]
    assert crowd["bbox"] == pytest.approx(whole if name == "mvtec" else sets.BOX, abs=0.01)
    assert crowd["iscrowd"] == 1


@pytest.mark.parametrize("name", FORMATS)
def test_images_keep_their_bytes(tmp_path, name):
    source = FORMATS[name](tmp_path / "set")
    import_labels(source, tmp_path / "out", name, unlabelled="good")
    originals = {p.name: p for p in (tmp_path / "set").rglob("*.png") if "_mask" not in p.name}
    written = [p for part in ("good", "bad") for p in (tmp_path / "out" / part).rglob("*.png")]
    assert len(written) == 3
    assert all(path.samefile(originals[path.name]) for path in written)


def test_images_are_copied_where_links_are_not_possible(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("another disk")

    monkeypatch.setattr("os.link", refuse)
    source = sets.coco(tmp_path / "set")
    report = import_labels(source, tmp_path / "out")
    assert (report.linked, report.copied) == (0, 3)
    one, other = (tmp_path / "set/images/clean.png"), (tmp_path / "out/good/clean.png")
    assert one.read_bytes() == other.read_bytes() and not one.samefile(other)


@pytest.mark.parametrize(("unlabelled", "good", "skipped"), [("good", 1, 0), ("skip", 0, 1)])
def test_an_image_without_labels_is_what_the_user_says(tmp_path, unlabelled, good, skipped):
    report = import_labels(sets.voc(tmp_path / "set"), tmp_path / "out", unlabelled=unlabelled)
    assert (report.good, report.skipped, report.is_complete) == (good, skipped, True)


def test_an_image_without_labels_is_never_good_by_itself(tmp_path):
    with pytest.raises(ValueError, match=r"1 image has no labels, such as clean.png; say .*good"):
        import_labels(sets.voc(tmp_path / "set"), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_classes_are_mapped_in_any_case_and_the_rest_is_ignored(tmp_path):
    file = sets.coco(tmp_path / "set")
    content = json.loads(file.read_text())
    content["categories"] = [{"id": 1, "name": "Kratzer"}, {"id": 2, "name": "text"}]
    content["annotations"].append({**content["annotations"][0], "image_id": 0, "category_id": 2})
    file.write_text(json.dumps(content))
    classes = Classes(scratch=("scratch", "kratzer"), ignore=("TEXT",))
    report = import_labels(file, tmp_path / "out", classes=classes)
    assert (report.good, report.bad, report.is_complete) == (1, 2, True)


@pytest.mark.parametrize("compressed", [True, False])
def test_rle_is_read_compressed_or_not(tmp_path, compressed):
    from pycocotools import mask as coco_mask

    columns = np.flatnonzero(np.diff(sets.MASK.T.ravel(), prepend=False, append=True))
    rle = {"size": [64, 96], "counts": np.diff(columns, prepend=0).tolist()}
    if compressed:
        packed = coco_mask.frPyObjects(rle, 64, 96)
        rle = {**packed, "counts": packed["counts"].decode()}
    import_labels(sets.coco(tmp_path / "set", segmentation=rle), tmp_path / "out")
    np.testing.assert_array_equal(read_mask(tmp_path / "out/masks/outlined.png"), sets.MASK)


def test_images_are_found_in_another_folder(tmp_path):
    file = sets.cvat(tmp_path / "set")
    (tmp_path / "set/images").rename(tmp_path / "photographs")
    report = import_labels(file, tmp_path / "out", images=tmp_path / "photographs")
    assert (report.good, report.bad) == (1, 2)


def test_an_image_that_is_only_in_the_file_of_labelme_is_taken_from_there(tmp_path):
    import base64

    root = sets.labelme(tmp_path / "set")
    content = json.loads((root / "outlined.json").read_text())
    octets = (root / "outlined.png").read_bytes()
    content["imageData"] = base64.b64encode(octets).decode()
    (root / "outlined.json").write_text(json.dumps(content))
    (root / "outlined.png").unlink()
    import_labels(root, tmp_path / "out")
    assert (tmp_path / "out/bad/outlined.png").read_bytes() == octets


def test_an_image_turned_by_exif_keeps_its_orientation(tmp_path):
    from PIL import Image

    file = sets.coco(tmp_path / "set")
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = draw_label(np.random.default_rng(1), 96, 64)
    save(pixels, tmp_path / "set/images/outlined.png", exif=exif)
    import_labels(file, tmp_path / "out")
    (bad,) = [d for d in find_dataset_dicts(str(tmp_path / "out")) if d["mask_file"]]
    assert (bad["width"], bad["height"]) == (96, 64)
    np.testing.assert_array_equal(mask_of(bad), sets.MASK)


@pytest.mark.parametrize("there", ["file", "folder"])
def test_a_folder_that_holds_something_is_refused(tmp_path, there):
    out = tmp_path / "out"
    sets.write_text(out if there == "file" else out / "notes.txt", "mine")
    with pytest.raises(FileExistsError, match="is not empty; accepted is a new or empty folder"):
        import_labels(sets.coco(tmp_path / "set"), out)
    assert not list(tmp_path.glob(".out*"))


def test_a_set_with_nothing_in_it_writes_nothing(tmp_path):
    file = sets.coco(tmp_path / "set")
    for image in (tmp_path / "set/images").iterdir():
        image.unlink()
    report = import_labels(file, tmp_path / "out")
    assert (report.images, len(report.left_out)) == (0, 3)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [("pascal", "format 'pascal' is unknown; accepted are auto, coco"), ("auto", "no labels are")],
)
def test_a_format_that_is_not_known_is_refused(tmp_path, name, said):
    sets.write_images(tmp_path / "set")
    with pytest.raises(ValueError, match=said):
        import_labels(tmp_path / "set", tmp_path / "out", name)


def test_labels_beside_images_are_not_taken_for_yolo(tmp_path):
    root = sets.labelme(tmp_path / "set")
    (root / "labels").mkdir()
    for file in root.glob("*.json"):
        content = json.loads(file.read_text())
        content["imagePath"] = f"..\\{content['imagePath']}"  # as labelme writes it on Windows
        (root / "labels" / file.name).write_text(json.dumps(content))
        file.unlink()
    assert find_formats(root) == ["labelme"]
    assert import_labels(root, tmp_path / "out").bad == 2


def test_the_classes_of_defects_become_kinds(tmp_path):
    rng = np.random.default_rng(0)
    for place in ("test/good/a", "test/crack/b", "test/dent/c", "test/dent/d"):
        save(draw_label(rng), tmp_path / "set" / f"{place}.png")
    (tmp_path / "set/ground_truth").mkdir()
    out = tmp_path / "out"
    import_labels(tmp_path / "set", out, classes=Classes(scratch=("*",)))
    kinds = {d["file_name"][-5:]: d["kind"] for d in find_dataset_dicts(str(out))}
    assert kinds == {"a.png": "", "b.png": "crack", "c.png": "dent", "d.png": "dent"}


def test_one_class_of_defects_is_no_kind(tmp_path):
    import_labels(sets.mvtec(tmp_path / "set"), tmp_path / "out")
    assert not (tmp_path / "out/images.csv").exists()
