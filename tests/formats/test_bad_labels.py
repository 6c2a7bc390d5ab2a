"""Labels that are odd, damaged or hostile: each is named, and the rest is imported."""

import errno
import json

import numpy as np
import pytest

from scratch_d2.data.catalog import find_dataset_dicts
from scratch_d2.data.mask_files import read_mask
from scratch_d2.formats import files
from scratch_d2.formats.importing import import_labels
from scratch_d2.structures.masks import encode_rle
from tests.builders import rectangles, save
from tests.commands import run_command
from tests.formats import sets

BOMB = """<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">]>
"""
EXTERNAL = '<!DOCTYPE a [<!ENTITY d SYSTEM "file:///etc/passwd">]>\n'


def change(file, edit):
    content = json.loads(file.read_text())
    edit(content)
    file.write_text(json.dumps(content))
    return file


def boxes_of(out):
    return {
        d["file_name"].split("/")[-1]: [a["bbox"] for a in d["annotations"] if a["iscrowd"]]
        for d in find_dataset_dicts(str(out))
    }


def test_unknown_classes_are_listed_with_the_options_that_map_them(tmp_path):
    def rename(content):
        content["categories"] = [{"id": 1, "name": "stain"}, {"id": 2, "name": "scratch"}]
        content["annotations"][0]["category_id"] = 2

    file = change(sets.coco(tmp_path / "set"), rename)
    done = run_command("import", file, "--out", tmp_path / "out")
    assert done.returncode == 3
    assert (
        "unknown classes: 'stain' (1); say what they are with --scratch, --good, --bad or --ignore"
        in done.stdout
    )
    assert "boxed.png: whether its classes (stain) are scratches is not known" in done.stdout
    assert sorted(p.name for p in (tmp_path / "out/bad").iterdir()) == ["outlined.png"]


@pytest.mark.parametrize(
    ("corners", "box"),
    [
        ([80, 50, 200, 50, 200, 300, 80, 300], (80, 50, 96, 64)),
        ([-1e12, 10, 20, 10, 20, 30, -1e12, 30], (0, 10, 20, 30)),
    ],
)
def test_what_reaches_out_of_an_image_is_clipped_and_counted(tmp_path, corners, box):
    file = sets.coco(tmp_path / "set", segmentation=[corners])
    report = import_labels(file, tmp_path / "out")
    assert (report.clipped, report.is_complete) == (1, True)
    mask = read_mask(tmp_path / "out/masks/outlined.png")
    np.testing.assert_array_equal(mask, rectangles(64, 96, box))


def test_what_is_outside_of_an_image_is_dropped_and_counted(tmp_path):
    file = sets.coco(tmp_path / "set", segmentation=[[200, 200, 300, 200, 300, 300]])
    report = import_labels(file, tmp_path / "out")
    assert report.dropped == [
        f"{file}: outlined.png: scratch: it is outside of its image of 96 x 64 pixels"
    ]
    assert (report.bad, report.unmarked) == (2, 1)


@pytest.mark.parametrize(
    ("segmentation", "said"),
    [
        ([[20, 20, 50, 40]], "a polygon of 2 points; three or more are expected"),
        ([[20, 20]], "a polygon of 1 points; three or more are expected"),
        ([[20, 20, 50, 20, 50]], "a polygon of 5 coordinates"),
        ([[20, 20, 50, float("nan"), 50, 40]], "a coordinate that is no finite number"),
        ([[20, 20, 50, "x", 50, 40]], "numbers are expected"),
        ("RLE", "its segmentation is 'RLE'; polygons or an RLE are expected"),
        (encode_rle(rectangles(50, 90, (1, 1, 9, 9))), "the mask is [50, 90], its image [64, 96]"),
        ({"size": [64, 96], "counts": [5, 7]}, "the runs of the mask add up to 12"),
        ({"size": [64, 96], "counts": "5`zzzz"}, "no compressed RLE"),
        ({"size": [64, 96], "counts": [64 * 96]}, "its mask marks no pixel"),
        ({"counts": [64 * 96]}, "its RLE lacks size or counts"),
    ],
)
def test_a_shape_that_cannot_be_drawn_leaves_its_box(tmp_path, segmentation, said):
    file = sets.coco(tmp_path / "set", segmentation=segmentation)
    report = import_labels(file, tmp_path / "out")
    (sentence,) = report.dropped
    assert sentence.startswith(f"{file}: outlined.png: scratch: ") and said in sentence
    assert not (tmp_path / "out/masks").exists()
    assert boxes_of(tmp_path / "out")["outlined.png"] == [[20, 20, 50, 40]]


def test_a_box_in_fractions_of_the_image_is_not_taken_for_pixels(tmp_path):
    file = sets.coco(tmp_path / "set", segmentation=[], bbox=[0.1, 0.2, 0.3, 0.1])
    report = import_labels(file, tmp_path / "out")
    assert "its box of 0.3 x 0.1 pixels is smaller than one; are these fra" in report.dropped[0]
    assert (report.bad, report.boxes, report.unmarked) == (2, 1, 1)


def test_a_mask_that_lacks_a_scratch_is_not_used(tmp_path):
    def add(content):
        first = content["annotations"][0]
        del first["bbox"]
        content["annotations"].append({**first, "segmentation": [[5, 5, float("inf"), 5, 9, 9]]})

    report = import_labels(change(sets.coco(tmp_path / "set"), add), tmp_path / "out")
    assert (report.masks, report.unmarked, len(report.dropped)) == (0, 1, 1)
    assert boxes_of(tmp_path / "out")["outlined.png"] == [[0, 0, 96, 64]]


def test_an_outline_that_crosses_itself_is_drawn_as_coco_does_and_counted(tmp_path):
    file = sets.coco(tmp_path / "set", segmentation=[[20, 20, 50, 40, 50, 20, 20, 40]])
    report = import_labels(file, tmp_path / "out")
    assert (report.crossing, report.is_complete) == (1, True)
    mask = read_mask(tmp_path / "out/masks/outlined.png")
    assert mask[30, 22] and mask[30, 48] and not mask[22, 35]


@pytest.mark.parametrize(
    ("of_image", "of_annotation"), [(7.0, 7), ("7", 7), (7, "7"), ("a7", "a7"), (7, 7.0)]
)
def test_ids_may_be_floats_and_texts(tmp_path, of_image, of_annotation):
    def renumber(content):
        content["images"][1]["id"] = of_image
        content["annotations"][0]["image_id"] = of_annotation
        content["annotations"][0]["category_id"] = 1.0
        content["categories"][0]["id"] = "1"

    report = import_labels(change(sets.coco(tmp_path / "set"), renumber), tmp_path / "out")
    assert (report.masks, report.is_complete) == (1, True)


def test_a_missing_iscrowd_is_no_crowd_and_a_crowd_is_a_box(tmp_path):
    def edit(content):
        del content["annotations"][0]["iscrowd"]
        content["annotations"][1] |= {"iscrowd": 1, "segmentation": encode_rle(sets.MASK)}

    report = import_labels(change(sets.coco(tmp_path / "set"), edit), tmp_path / "out")
    assert (report.masks, report.boxes) == (1, 1)
    assert boxes_of(tmp_path / "out")["boxed.png"] == [list(sets.BOX)]


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
    assert (report.bad, report.skipped) == (1, 2)


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
    assert (report.images, report.skipped) == (2, 1)


def test_json_of_gigabytes_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MOST_JSON", 100)
    report = import_labels(sets.coco(tmp_path / "set"), tmp_path / "out", "coco")
    assert report.images == 0
    assert "0 MB of JSON; accepted are 0 MB. Export it in several files" in report.dropped[0]


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ({"shape_type": "polygon", "points": [[1, 2], [3]]}, "other than two coordinates"),
        ({"shape_type": "polygon", "points": [[1, "a"]]}, "'a' is no number"),
        ({"shape_type": "point", "points": [[1, 2]]}, "a point of 1 points, which marks no region"),
        ({"shape_type": "mask", "points": [[1, 2], [3, 4]], "mask": "%%"}, "no PNG"),
        ({"shape_type": "circle", "points": [[1, 2]]}, "centre and border are expected"),
    ],
)
def test_a_shape_of_labelme_that_cannot_be_read_is_named(tmp_path, shape, said):
    root = sets.labelme(tmp_path / "set")
    change(root / "boxed.json", lambda c: c["shapes"].append({"label": "scratch", **shape}))
    report = import_labels(root, tmp_path / "out")
    assert said in report.dropped[0] and "boxed.png" in report.dropped[0]
    assert (report.bad, report.boxes) == (2, 1)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0 0.1 0.2 0.3", "a line of 4 numbers; a box has 5"),
        ("0 0.1 0.2 0.3 0.4 0.5 0.6 0.7", "a line of 8 numbers; a box has 5"),
        ("x 0.1 0.2 0.3 0.4", "'x' is no number"),
        ("0 0.1 nan 0.3 0.4", "is no finite number"),
    ],
)
def test_a_line_of_yolo_that_cannot_be_read_is_named(tmp_path, line, said):
    root = sets.yolo(tmp_path / "set")
    (root / "labels/train/boxed.txt").write_text(f"{line}\n")
    report = import_labels(root, tmp_path / "out", unlabelled="good")
    (sentence,) = report.dropped + report.left_out
    assert (
        said in sentence and f"{root}/labels/train/boxed.txt: images/train/boxed.png: " in sentence
    )


def test_labels_of_yolo_without_an_image_are_named(tmp_path):
    root = sets.yolo(tmp_path / "set")
    (root / "images/train/boxed.png").unlink()
    report = import_labels(root, tmp_path / "out", unlabelled="good")
    assert report.dropped == [f"{root}/labels/train/boxed.txt: there is no image of this name"]


@pytest.mark.parametrize("size", [(64, 95), (6400, 9600)])
def test_a_brush_of_another_size_than_its_image_is_refused(tmp_path, size):
    from scratch_d2.formats.brush import encode_brush

    file = sets.label_studio(tmp_path / "set")
    octets = encode_brush(np.zeros(size, bool))

    def edit(tasks):
        (result,) = tasks[2]["annotations"][0]["result"]
        result["type"] = "brushlabels"
        result["value"] = {"format": "rle", "rle": octets, "brushlabels": ["scratch"]}

    report = import_labels(change(file, edit), tmp_path / "out")
    (sentence,) = report.dropped
    assert "a brush of" in sentence and "its image has 64 x 96 x 4" in sentence
    assert report.unmarked == 1


def test_the_mask_of_cvat_must_fill_its_box(tmp_path):
    file = sets.cvat(tmp_path / "set")
    mask = '<mask label="scratch" rle="3, 4" left="2" top="3" width="5" height="6"></mask>'
    file.write_text(
        file.read_text().replace("</image>\n</annotations>", f"{mask}</image>\n</annotations>")
    )
    report = import_labels(file, tmp_path / "out")
    assert "its runs add up to 7; its box has 5 x 6 = 30 pixels" in report.dropped[0]


def test_tracks_of_a_video_are_refused(tmp_path):
    file = sets.write_text(
        tmp_path / "a.xml", '<annotations><track id="0" label="scratch"></track></annotations>'
    )
    report = import_labels(file, tmp_path / "out")
    assert 'tracks of a video; export it as "CVAT for images 1.1"' in report.dropped[0]


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
