"""The functions and the Inspector that `import scratch_d2` offers."""

import subprocess
import sys

import numpy as np
import PIL.Image
import pytest

import scratch_d2
from scratch_d2.data.images import ImageError
from scratch_d2.inspection import Inspector
from tests.builders import write_dataset
from tests.inspection.fakes import THRESHOLDS, bright_detector, bright_inspector, photograph


@pytest.fixture
def inspector() -> Inspector:
    return bright_inspector()


@pytest.mark.parametrize("name", scratch_d2.__all__)
def test_every_name_is_there(name):
    assert getattr(scratch_d2, name).__name__ == name
    assert name in dir(scratch_d2)


def test_nothing_heavy_is_loaded_until_a_name_is_used():
    code = "import scratch_d2, sys; print({'torch', 'numpy', 'cv2', 'yaml'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Inspectr'"):
        scratch_d2.Inspectr  # noqa: B018


def as_path(image, folder):
    path = folder / "photograph.png"
    PIL.Image.fromarray(image).save(path)
    return path


@pytest.mark.parametrize(
    "kind",
    [
        lambda image, folder: image,
        lambda image, folder: image[:, :, 0],
        lambda image, folder: PIL.Image.fromarray(image),
        as_path,
        lambda image, folder: str(as_path(image, folder)),
    ],
    ids=["array", "grey", "pil", "path", "str"],
)
def test_one_image_of_any_kind_gives_one_result(inspector, tmp_path, kind):
    source = kind(photograph(True), tmp_path)
    result = inspector(source)
    assert (result.label, result.area) == ("bad", inspector(photograph(True)).area)
    assert result.area > 0 and result.p_bad is None and "limit" in result.reason
    assert (result.path is None) != isinstance(source, str | type(tmp_path))


def test_a_pil_image_is_turned_as_its_file_would_be(inspector, tmp_path):
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # orientation: a quarter turn
    PIL.Image.fromarray(photograph(True)).save(tmp_path / "turned.png", exif=exif)
    from_file = inspector(tmp_path / "turned.png")
    with PIL.Image.open(tmp_path / "turned.png") as image:
        from_image = inspector(image)
    assert from_image.image.shape == from_file.image.shape != photograph(True).shape
    np.testing.assert_array_equal(from_image.image, from_file.image)


def test_the_engine_is_that_of_the_config(monkeypatch):
    asked = []

    def get_engine(name):
        asked.append(name)
        raise ImportError(name)

    monkeypatch.setattr("scratch_d2.inspection.inspector.get_engine", get_engine)
    for engine in (None, "embedded"):
        with pytest.raises(ImportError):
            scratch_d2.Inspector.from_pretrained(["SCRATCH.ENGINE", "d2"], engine)
    assert asked == ["d2", "embedded"]


def test_several_images_give_a_list_and_frames_an_iterator(inspector):
    images = [photograph(bad) for bad in (True, False, True)]
    assert [result.label for result in inspector(images)] == ["bad", "good", "bad"]
    read = []

    def frames():
        for image in images:
            read.append(image)
            yield image

    stream = inspector(frames())
    assert next(stream).label == "bad" and len(read) == 1
    assert [result.label for result in stream] == ["good", "bad"]


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("nothing.png", FileNotFoundError, "nothing.png"),
        (__file__, ImageError, "test_api.py"),
        (np.zeros((4, 5, 4), np.uint8), ValueError, r"HxWx3 uint8 RGB, but got uint8 \(4, 5, 4\)"),
        (np.zeros((4, 5, 3)), ValueError, "HxWx3 uint8 RGB, but got float64"),
        (None, TypeError, "NoneType; accepted are a path, an array"),
        (b"label", TypeError, "bytes; accepted are a path, an array"),
    ],
)
def test_what_is_no_image_is_named(inspector, source, error, message):
    with pytest.raises(error, match=message):
        inspector(source)


def test_a_result_holds_arrays_of_the_scratches_that_count(inspector):
    result = inspector(photograph(True))
    (prediction,) = bright_detector([photograph(True)])
    counted = prediction.scores >= THRESHOLDS.score
    assert result.boxes.tolist() == prediction.boxes[counted].tolist()
    assert result.scores.tolist() == prediction.scores[counted].tolist()
    assert result.masks.shape == (counted.sum(), *photograph(True).shape[:2])
    assert result.masks.dtype == bool and result.masks.any(axis=(1, 2)).all()
    nothing = inspector(photograph(False))
    assert nothing.masks.shape == (0, *photograph(False).shape[:2])
    assert nothing.boxes.shape == (0, 4)


def test_a_result_can_be_drawn_and_shown(inspector):
    result = inspector(photograph(True))
    plot = result.plot()
    assert plot.dtype == np.uint8 and plot.ndim == 3 and plot.shape[2] == 3
    assert result._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="was not kept"):
        scratch_d2.Inspection(result.verdict, result.prediction).plot()


def test_a_result_becomes_plain_values_and_coco(inspector):
    result = inspector(photograph(True))
    values = result.to_dict()
    assert values["label"] == "bad" and values["area"] == result.area
    assert len(values["boxes"]) == len(values["scores"]) == len(values["masks"])
    (x0, y0, x1, y1), entry = values["boxes"][0], result.to_coco(image_id=7)[0]
    assert entry["image_id"] == 7 and entry["bbox"] == pytest.approx([x0, y0, x1 - x0, y1 - y0])


def test_supervision_gets_the_same_scratches(inspector, monkeypatch):
    result = inspector(photograph(True))
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(ImportError, match="pip install supervision"):
        result.to_supervision()
    monkeypatch.undo()
    pytest.importorskip("supervision", reason="supervision is missing, pip install supervision")
    detections = result.to_supervision()
    assert detections.xyxy.tolist() == result.boxes.tolist()
    assert np.array_equal(detections.mask, result.masks)


def test_a_folder_is_predicted_and_evaluated(inspector, tmp_path):
    labels = write_dataset(tmp_path / "labels", good=3, bad=2)
    summary = scratch_d2.predict_folder(labels, tmp_path / "results", inspector)
    assert summary["images"] == 5 and summary["unreadable"] == []
    evaluation = scratch_d2.evaluate(labels, tmp_path / "results", tmp_path / "evaluation")
    assert len(evaluation.images) == 5 and evaluation.thresholds == THRESHOLDS
    assert (tmp_path / "evaluation" / "report.html").is_file()
    with pytest.raises(FileExistsError, match="already holds results"):
        scratch_d2.predict_folder(labels, tmp_path / "results", inspector)
