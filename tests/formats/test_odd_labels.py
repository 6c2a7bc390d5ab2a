"""Labels that can be understood in two ways are never understood in silence."""

import pytest

from scratch_d2.formats.importing import import_labels
from tests.formats import sets
from tests.formats.test_bad_labels import boxes_of, change


def import_good(source, tmp_path):
    """Import as users do whose Good images have no labels: nothing else may become Good."""
    report = import_labels(source, tmp_path / "out", unlabelled="good")
    return report, sorted(p.name for p in (tmp_path / "out/good").iterdir())


@pytest.mark.parametrize("image_id", [1, None])
def test_annotations_of_an_id_that_two_images_have_make_neither_good(tmp_path, image_id):
    def renumber(content):
        content["images"][1]["id"] = content["images"][2]["id"] = image_id
        for annotation in content["annotations"]:
            annotation["image_id"] = image_id

    report, good = import_good(change(sets.coco(tmp_path / "set"), renumber), tmp_path)
    assert good == ["clean.png"] and report.bad == 0
    assert [
        f"the image '{name}.png' has the id {image_id}" in said
        for name, said in zip(("outlined", "boxed"), report.dropped, strict=True)
    ] == [True, True]


def test_two_categories_of_one_id_are_refused(tmp_path):
    def add(content):
        content["categories"].insert(0, {"id": 1, "name": "dust"})

    report = import_labels(change(sets.coco(tmp_path / "set"), add), tmp_path / "out")
    assert report.images == 0
    assert "the categories 'dust', 'scratch' have the id 1" in report.dropped[0]


def test_a_list_of_annotations_that_is_there_twice_is_refused(tmp_path):
    file = sets.coco(tmp_path / "set")
    file.write_text(file.read_text()[:-1] + ', "annotations": []}')
    report = import_labels(file, tmp_path / "out", unlabelled="good")
    assert report.images == 0
    assert "the key 'annotations' is there 2 times; accepted is once" in report.dropped[0]


@pytest.mark.parametrize("labelled_first", [True, False])
def test_labels_count_whatever_names_their_image_without_any(tmp_path, labelled_first):
    def repeat(content):
        content["images"].insert(3 if labelled_first else 0, {**content["images"][1], "id": 9})

    report, good = import_good(change(sets.coco(tmp_path / "set"), repeat), tmp_path)
    assert (good, report.masks) == (["clean.png"], 1)
    assert "outlined.png: its image is labelled in" in report.left_out[0]


@pytest.mark.parametrize("name", ["outlined", "OUTLINED.PNG", "Outlined"])
def test_a_name_in_other_case_or_without_its_suffix_finds_its_image(tmp_path, name):
    folder = sets.voc(tmp_path / "set")
    for file in folder.rglob("outlined.xml"):
        file.write_text(file.read_text().replace("outlined.png", name))
    report, good = import_good(folder, tmp_path)
    assert (good, report.bad, report.is_complete) == (["clean.png"], 2, True)


def test_a_name_with_another_suffix_is_another_image(tmp_path):
    file = sets.coco(tmp_path / "set")
    file.write_text(file.read_text().replace("outlined.png", "outlined.jpg"))
    report = import_labels(file, tmp_path / "out")
    assert "its image 'outlined.jpg' is not there" in report.left_out[0]


def write_yolo(root, line, encoding="utf-8"):
    sets.write_images(root / "images", ("a",))
    (root / "labels").mkdir()
    (root / "labels/a.txt").write_text(line, encoding)
    (root / "classes.txt").write_text("scratch\n", encoding)
    return root


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_labels_that_an_editor_of_windows_saved_are_read(tmp_path, encoding):
    source = write_yolo(tmp_path / "set", "0 0.5 0.5 0.5 0.5\n", encoding)
    report = import_labels(source, tmp_path / "out")
    assert (report.bad, report.boxes, report.is_complete) == (1, 1, True)
    assert len(boxes_of(tmp_path / "out")["a.png"]) == 1


def test_a_class_that_is_no_whole_number_is_named(tmp_path):
    source = write_yolo(tmp_path / "set", "0.7 0.5 0.5 0.5 0.5\n")
    report = import_labels(source, tmp_path / "out")
    assert report.images == 0 and "the class '0.7' is no whole number" in report.left_out[0]


def test_a_class_of_yolo_with_two_names_is_named(tmp_path):
    source = write_yolo(tmp_path / "set", "0 0.5 0.5 0.5 0.5\n")
    (source / "data.yaml").write_text("names:\n  0: dust\n  0: scratch\n")
    report = import_labels(source, tmp_path / "out")
    assert report.images == 0 and "the key '0' is there 2 times in one block" in report.dropped[0]


def test_voc_in_utf_16_is_known_as_voc(tmp_path):
    folder = sets.voc(tmp_path / "set")
    for file in folder.rglob("*.xml"):
        text = file.read_text().removeprefix('<?xml version="1.0"?>')
        file.write_text(f'<?xml version="1.0" encoding="UTF-16"?>{text}', "utf-16")
    assert import_good(folder, tmp_path)[0].bad == 2
