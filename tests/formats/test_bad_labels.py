"""Labels that are odd or cannot be drawn: each is named, and the rest is imported."""

import numpy as np
import pytest

from scratch_d2.data.mask_files import read_mask
from scratch_d2.formats.importing import import_labels
from scratch_d2.structures.masks import encode_rle
from tests.builders import rectangles
from tests.commands import run_command
from tests.formats import sets
from tests.formats.sets import boxes_of, change


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
