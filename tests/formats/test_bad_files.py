"""Files that are missing, damaged or hostile: each is named, and the rest is imported."""

import errno

import numpy as np
import pytest

from scratch_d2.formats import files
from scratch_d2.formats.importing import import_labels
from tests.builders import save
from tests.commands import run_command
from tests.formats import sets
from tests.formats.sets import boxes_of, change

BOMB = """<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">]>
"""
EXTERNAL = '<!DOCTYPE a [<!ENTITY d SYSTEM "file:///etc/passwd">]>\n'


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("https://example.org/outlined.png", "nothing is downloaded"),
        ("s3://bucket/outlined.png", "nothing is downloaded"),
        ("data:image/png;base64,iVBORw0KGgo", "nothing is downloaded"),
        ("../../outlined.png", "leads out of the folder"),
        ("/etc/passwd", "leads out of the folder"),
        ("C:\\photographs\\outlined.png", "leads out of the folder"),
        ("images/../../outlined.png", "leads out of the folder"),
        ("none.png", "its image 'none.png' is not there"),
        ("a\0b.png", "is not there"),
        ("x" * 5000, "is not there"),
        ("annotations.json", "not an image of an accepted kind"),
    ],
)
def test_an_image_that_cannot_be_used_is_named_and_the_others_are_imported(tmp_path, name, said):
    sets.write_images(tmp_path)

    def rename(content):
        content["images"][1]["file_name"] = name

    file = change(sets.coco(tmp_path / "set"), rename)
    done = run_command("import", file, "--out", tmp_path / "out")
    assert done.returncode == 3
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("left out: /")]
    assert said in line and str(tmp_path / "set") in line
    assert "2 photographs: 1 Good, 1 Bad" in done.stdout
    assert not (tmp_path / "out/bad/outlined.png").exists()


def test_a_name_that_several_files_have_is_not_guessed(tmp_path):
    file = sets.coco(tmp_path / "set")
    (tmp_path / "set/images").rename(tmp_path / "set/day1")
    sets.write_images(tmp_path / "set/day2", ("outlined",))
    report = import_labels(file, tmp_path / "out")
    (sentence,) = report.left_out
    assert "may be" in sentence and "day1/outlined.png or" in sentence
    assert "name the folder as well" in sentence
    assert report.images == 2


def test_the_same_name_in_two_folders_stays_apart(tmp_path):
    root = tmp_path / "set"
    for day in ("day1", "day2"):
        sets.labelme(root / day)
    report = import_labels(root, tmp_path / "out")
    assert (report.good, report.bad, report.renamed) == (2, 4, 0)
    for day in ("day1", "day2"):
        place = tmp_path / "out/bad" / day / "outlined.png"
        assert place.samefile(root / day / "outlined.png")
        assert (tmp_path / "out/masks" / day / "outlined.png").is_file()


def test_the_same_stem_with_two_suffixes_is_renamed(tmp_path):
    def rename(content):
        content["images"][2]["file_name"] = "outlined.jpg"

    file = change(sets.coco(tmp_path / "set"), rename)
    sets.write_images(tmp_path / "set/images", ("outlined",), ".jpg")
    report = import_labels(file, tmp_path / "out")
    assert report.renamed == 1
    assert sorted(boxes_of(tmp_path / "out")) == ["clean.png", "outlined-2.jpg", "outlined.png"]


def test_an_image_that_is_listed_twice_counts_once(tmp_path):
    def repeat(content):
        content["images"].append({**content["images"][1], "id": 9})

    report = import_labels(change(sets.coco(tmp_path / "set"), repeat), tmp_path / "out")
    assert report.images == 3
    assert "outlined.png: its image is labelled in" in report.left_out[0]


def test_an_image_of_another_size_than_its_labels_say_is_left_out(tmp_path):
    file = sets.coco(tmp_path / "set")
    save(np.zeros((96, 64, 3), np.uint8), tmp_path / "set/images/outlined.png")
    report = import_labels(file, tmp_path / "out")
    assert report.left_out == [
        f"{file}: outlined.png: the image is 64 x 96 pixels, its labels say 96 x 64; was it turned "
        "by its EXIF orientation?"
    ]


def test_labels_that_contradict_each_other_are_left_out(tmp_path):
    def say_good(content):
        content["images"][1]["verdict"] = "good"

    report = import_labels(change(sets.coco(tmp_path / "set"), say_good), tmp_path / "out")
    assert "it is labelled Good and Bad (good, scratch)" in report.left_out[0]
    assert report.images == 2


def test_a_mask_of_most_of_its_image_is_not_used(tmp_path):
    file = sets.coco(tmp_path / "set", segmentation=[[0, 0, 96, 0, 96, 60, 0, 60]])
    report = import_labels(file, tmp_path / "out")
    assert "the mask marks 94% of the image" in report.dropped[0]
    assert report.unmarked == 1


@pytest.mark.parametrize(
    ("write", "head"),
    [(sets.cvat, BOMB), (sets.cvat, EXTERNAL)],
    ids=["bomb", "external"],
)
def test_xml_with_entities_is_refused(tmp_path, write, head):
    file = write(tmp_path / "set", head=head)
    file.write_text(file.read_text().replace("<version>", "<version>&d;"))
    done = run_command("import", file, "--format", "cvat", "--out", tmp_path / "out")
    assert done.returncode == 4
    assert "XML with a document type or entities, which is refused" in done.stdout
    assert "root:" not in done.stdout and not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", [BOMB, EXTERNAL])
def test_a_file_of_voc_with_entities_does_not_stop_the_others(tmp_path, text):
    root = sets.voc(tmp_path / "set")
    file = root / "Annotations/boxed.xml"
    file.write_text(text + file.read_text().replace("scratch", "&d;"))
    report = import_labels(root, tmp_path / "out", unlabelled="skip")
    assert "document type or entities" in report.dropped[0] and str(file) in report.dropped[0]
    assert (report.bad, report.skipped) == (1, 1)
    assert "boxed.png: its labels, " in report.left_out[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"shapes": [', "not JSON"),
        ('{"shapes": ' + "[" * 100_000, "not JSON"),
        ('{"shapes": 3, "imagePath": "x.png"}', "not a file of labelme"),
        ('{"shapes": []}', "not a file of labelme"),
        ("", "not a file of labelme"),
        ('{"imagePath": \x00\xff', "not JSON"),
    ],
)
def test_a_damaged_file_does_not_stop_the_others(tmp_path, text, said):
    root = sets.labelme(tmp_path / "set")
    (root / "boxed.json").write_text(text, "latin-1")
    report = import_labels(root, tmp_path / "out", "labelme", unlabelled="skip")
    assert said in report.dropped[0] and "boxed.json" in report.dropped[0]
    assert (report.images, report.skipped) == (2, 0)
    assert "boxed.png: its labels, " in report.left_out[0]


def test_json_of_gigabytes_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MOST_JSON", 100)
    report = import_labels(sets.coco(tmp_path / "set"), tmp_path / "out", "coco")
    assert report.images == 0
    assert "0 MB of JSON; accepted are 0 MB. Export it in several files" in report.dropped[0]


@pytest.mark.parametrize("write", [sets.labelme, sets.voc, sets.yolo])
def test_an_image_without_a_file_of_labels_is_unlabelled(tmp_path, write):
    root = write(tmp_path / "set")
    (file,) = [f for f in root.rglob("clean.*") if f.suffix != ".png"]
    file.unlink()
    report = import_labels(root, tmp_path / "out", unlabelled="skip")
    assert (report.images, report.skipped, report.is_complete) == (2, 1, True)


def test_images_that_no_labels_name_are_counted(tmp_path):
    file = sets.coco(tmp_path / "set")
    sets.write_images(tmp_path / "set/images/more", ("a", "b"))
    report = import_labels(file.parent, tmp_path / "out")
    assert (report.images, report.unlisted, report.is_complete) == (3, 2, True)


@pytest.mark.parametrize("write", [sets.labelme, sets.voc, sets.coco])
def test_an_image_that_is_left_out_is_not_taken_for_one_without_labels(tmp_path, write):
    root = write(tmp_path / "set")
    for file in [root] if root.is_file() else root.rglob("boxed.*"):
        if file.suffix != ".png":
            file.write_text(file.read_text().replace("scratch", "dent"))
    report = import_labels(tmp_path / "set", tmp_path / "out", unlabelled="good")
    sentences = [each for each in report.left_out if "boxed.png: whether its classes" in each]
    assert len(sentences) == 1 and report.unlisted == 0
    assert not list((tmp_path / "out").rglob("boxed.png"))


@pytest.mark.parametrize("write", [sets.yolo, sets.coco, sets.mvtec])
def test_an_image_that_cannot_be_read_does_not_stop_the_others(tmp_path, write):
    write(tmp_path / "set")
    (file,) = (tmp_path / "set").rglob("boxed.png")
    file.write_bytes(b"no image")
    report = import_labels(tmp_path / "set", tmp_path / "out", unlabelled="good")
    (sentence,) = report.left_out + report.dropped
    assert "not an image of an accepted kind" in sentence and str(file) in sentence
    assert report.images == 2


def test_a_full_disk_stops_an_import_and_leaves_nothing(tmp_path, monkeypatch):
    def fill(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.link", fill)
    monkeypatch.setattr("shutil.copyfile", fill)
    with pytest.raises(OSError, match="No space left"):
        import_labels(sets.coco(tmp_path / "set"), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_names_cannot_act_on_the_terminal(tmp_path):
    def rename(content):
        content["images"][1]["file_name"] = "\x1b[2Jnone\n\ud800.png"
        content["categories"].append({"id": 2, "name": "\x1b[31mstain"})
        content["annotations"][1]["category_id"] = 2

    file = change(sets.coco(tmp_path / "set"), rename)
    done = run_command("import", file, "--out", tmp_path / "out")
    assert done.returncode == 3 and "\x1b" not in done.stdout
    assert "stain" in done.stdout and "none" in done.stdout


@pytest.mark.parametrize("write", [sets.labelme, sets.cvat, sets.label_studio])
def test_a_size_that_no_image_has_takes_no_memory(tmp_path, write):
    source = write(tmp_path / "set")
    files = [source] if source.is_file() else [source / "boxed.json"]
    for file in files:
        text = file.read_text().replace("96", "9600000").replace("64", "6400000")
        patch = '"shape_type": "mask", "mask": "iVBORw0KGgo="'
        text = text.replace('"shape_type": "rectangle"', patch)
        mask = '<mask label="scratch" rle="0, 9" left="0" top="0" width="3" height="3"></mask>'
        file.write_text(text.replace("</image>\n</annotations>", f"{mask}</image></annotations>"))
    report = import_labels(source, tmp_path / "out")
    assert report.dropped
