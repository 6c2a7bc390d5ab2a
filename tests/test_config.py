import json
import logging
from pathlib import Path

import pytest

from scratch_d2.config import default_config, flatten, load_config
from scratch_d2.utils.bundled import bundled_configs, bundled_weights, find_weights

FILES = sorted(str(path.relative_to(bundled_configs())) for path in bundled_configs().rglob("*.y*"))


@pytest.mark.parametrize("file", FILES)
def test_every_config_builds_its_model_on_the_embedded_engine(file):
    from scratch_d2.engines.embedded import MaskRCNN
    from scratch_d2.engines.embedded.settings import check_settings

    cfg = load_config(file, ["MODEL.DEVICE", "cpu"])
    check_settings(cfg)
    names = MaskRCNN(cfg).state_dict()
    assert names["roi_heads.box_predictor.cls_score.weight"].shape[0] == 2


@pytest.mark.detectron2
@pytest.mark.parametrize("file", FILES)
def test_every_config_builds_its_model_on_detectron2(file):
    from detectron2.modeling import build_model

    from scratch_d2.engines.d2.engine import to_d2_config

    cfg = to_d2_config(load_config(file, ["MODEL.DEVICE", "cpu"]))
    names = build_model(cfg).state_dict()
    assert names["roi_heads.box_predictor.cls_score.weight"].shape[0] == 2


@pytest.mark.detectron2
def test_defaults_are_those_of_detectron2():
    from detectron2.config import get_cfg

    ours = {k: v for k, v in flatten(default_config()).items() if not k.startswith(("SCR", "GATE"))}
    assert ours == json.loads(json.dumps(flatten(get_cfg())))  # tuples become lists


@pytest.mark.parametrize(
    ("opts", "message"),
    [
        (["SOLVER.MAX_ITR", "3"], r"MAX_ITR; did you mean SOLVER\.MAX_ITER\?"),
        (["SOLVER.MAX_ITER", "many"], "SOLVER.MAX_ITER has a value of the wrong type"),
        (
            ["SCRATCH.AREA_UNIT", "mm"],
            "SCRATCH.AREA_UNIT is 'mm'; accepted are auto, pixel, fraction, mm2",
        ),
        (["SCRATCH.SCORE_THRESHOLD", "1.5"], "SCORE_THRESHOLD is 1.5; accepted is 0 to 1"),
        (["SCRATCH.REVIEW_BAND", "[9, 3]"], r"REVIEW_BAND is \[9, 3\]"),
        (["SOLVER.MAX_ITER"], "KEY VALUE pairs expected .* SOLVER.MAX_ITER has no value"),
        (["SCRATCH.REVIEW_BAND", "0.1"], r"accepted is \[\], or a list of numbers"),
        (["SOLVER.MAX_ITER", "3", "--resume"], "--resume comes after KEY VALUE pairs"),
    ],
)
def test_bad_options_are_named(opts, message):
    with pytest.raises(ValueError, match=message):
        load_config(None, opts)


def test_a_typo_in_a_file_is_named_with_its_file(tmp_path):
    file = tmp_path / "typo.yaml"
    file.write_text("MODEL:\n  MASK_OM: true\n")
    with pytest.raises(ValueError, match=r"typo\.yaml: unknown config key MODEL\.MASK_OM; did you"):
        load_config(file)


def test_a_missing_file_lists_the_bundled_ones():
    with pytest.raises(FileNotFoundError, match="nowhere.yaml.*scratch_mask_rcnn_R_50_FPN.yaml"):
        load_config("nowhere.yaml")


def test_a_missing_file_is_not_replaced_by_a_bundled_one_of_its_name():
    with pytest.raises(FileNotFoundError, match="mine/Base-Scratch-RCNN-FPN.yaml"):
        load_config("mine/Base-Scratch-RCNN-FPN.yaml")


def test_bundled_files_are_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cfg = load_config("configs/scratch_mask_rcnn_R_50_FPN.yaml")
    assert (cfg.MODEL.ROI_HEADS.NUM_CLASSES, cfg.INPUT.FORMAT) == (1, "RGB")
    assert cfg.DATALOADER.FILTER_EMPTY_ANNOTATIONS is False


@pytest.fixture
def elsewhere(tmp_path, monkeypatch) -> Path:
    """An empty working directory, beside a folder with weights/own.pth."""
    for folder in ("here", "project/weights"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "project/weights/own.pth").touch()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


def test_the_reference_models_are_found_from_anywhere(elsewhere):
    cfg = load_config("reference/pretrained.yaml")
    assert cfg.MODEL.WEIGHTS == str(bundled_weights() / "detector.pth")
    assert cfg.GATE.WEIGHTS == str(bundled_weights() / "gate.pth")


@pytest.mark.parametrize("name", ["weights/own.pth", "../project/weights/own.pth"])
def test_weights_are_found_beside_the_config_and_before_that_from_the_working_directory(
    elsewhere, name
):
    config = elsewhere / "project/config.yaml"
    config.write_text(f"MODEL: {{WEIGHTS: {name}}}\n")
    own = str(elsewhere / "project/weights/own.pth")
    from_here = name.startswith("..")
    assert load_config(config).MODEL.WEIGHTS == (name if from_here else own)
    assert load_config(config, ["MODEL.WEIGHTS", "x.pth"]).MODEL.WEIGHTS == "x.pth"


@pytest.mark.parametrize(
    "name", ["", "detectron2://a/b.pkl", "https://x/y.pth", "~/a", "/no/a.pth"]
)
def test_other_names_of_weights_are_left_alone(name, tmp_path):
    assert find_weights(name, tmp_path / "config.yaml") == name


def test_weights_that_are_nowhere_are_named_with_every_place(elsewhere, caplog, monkeypatch):
    # A training in the same process has set up the package's own log.
    monkeypatch.setattr(logging.getLogger("scratch_d2"), "propagate", True)
    config = elsewhere / "project/config.yaml"
    config.write_text("GATE: {WEIGHTS: weights/none.pth}\n")
    with caplog.at_level("WARNING"):
        assert load_config(config).GATE.WEIGHTS == "weights/none.pth"
    places = [elsewhere / "here/weights", elsewhere / "project/weights", bundled_weights()]
    assert f"GATE.WEIGHTS: weights 'weights/none.pth' of {config}: no such file" in caplog.text
    assert all(f"{place}/none.pth" in caplog.text for place in places)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a.yaml: the file holds no key; accepted is a YAML file of keys"),
        ("# nothing yet\n", "a.yaml: the file holds no key"),
        ("- a\n", "a.yaml: the file is a list; accepted"),
        ("just text\n", "a.yaml: the file is a text; accepted"),
        ("5\n", "a.yaml: the file is the value 5; accepted"),
        ("MODEL: {DEVICE\n", "a.yaml: not YAML .*line 2"),
        ("MODEL: !!python/object:os.system {}\n", "a.yaml: not YAML .could not determine a constr"),
        ("MODEL: {1: 2}\n", "a.yaml: the key 1 is no name"),
        ("_BASE_: a.yaml\n", "a.yaml: _BASE_ goes round in a loop, .*a.yaml -> .*a.yaml"),
        ("_BASE_: [b.yaml]\n", "a.yaml: _BASE_ goes round in a loop, .*a.yaml -> .*b.yaml -> .*a"),
        ("_BASE_: gone.yaml\n", "a.yaml: _BASE_ names 'gone.yaml', but there is no"),
        ("_BASE_: 5\n", "a.yaml: _BASE_ is 5; accepted is a file"),
        ("_BASE_:\n", "a.yaml: _BASE_ is None; accepted is a file"),
        ("_BASE_: c.yaml\nMODEL: {DEVICE: {A: 1}}\n", "a.yaml: Cannot inherit key 'DEVICE'"),
        ("GATE: {}\nMODEL: {}\nGATE: {}\n", "a.yaml: not YAML .the key 'GATE' is there 2 times in"),
        ("MODEL:\n", "MODEL has a value of the wrong type; accepted is a block"),
        ("MODEL: {RPN: }\n", "MODEL.RPN has a value of the wrong type; accepted is a b"),
        ("GATE: 5\n", "GATE has a value of the wrong type; accepted is a block of keys"),
        ("SCRATCH: {AREA_THRESHOLD: }\n", "AREA_THRESHOLD is None; accepted is a value like -1"),
        (
            "SCRATCH: {REVIEW_BAND: [a, b]}\n",
            r"a.yaml: SCRATCH.REVIEW_BAND is \['a', 'b'\]; accepted",
        ),
        ("SOLVER: {STEPS: [soon]}\n", r"SOLVER.STEPS is .'soon'.*; accepted is a value like .3000"),
        ("DATASETS: {TEST: [1]}\n", "DATASETS.TEST is .1.*; accepted is a value like .'scratch_te"),
        ("GATE: {UPPER_THRESHOLD: high}\n", "UPPER_THRESHOLD is 'high'; accepted is null or a num"),
    ],
)
def test_a_file_that_is_no_config_is_named(tmp_path, text, message):
    (tmp_path / "a.yaml").write_text(text)
    (tmp_path / "b.yaml").write_text("_BASE_: a.yaml\n")
    (tmp_path / "c.yaml").write_text("MODEL: {DEVICE: cpu}\n")
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        load_config(tmp_path / "a.yaml")


def test_other_files_are_no_configs(tmp_path):
    (tmp_path / "lazy.py").write_text("model = None\n")
    with pytest.raises(ValueError, match="lazy.py: a Python file, as Detectron2's LazyConfig has"):
        load_config(tmp_path / "lazy.py")
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(ValueError, match="a.yaml: not a text in UTF-8"):
        load_config(tmp_path / "a.yaml")


def test_bases_may_share_a_base_and_paths_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "top.yaml").write_text("_BASE_: ['~/left.yaml', right.yaml]\n")
    (tmp_path / "left.yaml").write_text("_BASE_: base.yaml\nOUTPUT_DIR: ~/runs\n")
    (tmp_path / "right.yaml").write_text("_BASE_: base.yaml\nSOLVER: {MAX_ITER: 7}\n")
    (tmp_path / "base.yaml").write_text("SEED: 5\nSOLVER: {WEIGHT_DECAY_NORM: null}\n")
    cfg = load_config(tmp_path / "top.yaml", ["GATE.WEIGHTS", "~/gate.pth"])
    assert (cfg.SEED, cfg.SOLVER.MAX_ITER, cfg.SOLVER.WEIGHT_DECAY_NORM) == (5, 7, None)
    assert cfg.OUTPUT_DIR == str(tmp_path / "runs")
    assert cfg.GATE.WEIGHTS == str(tmp_path / "gate.pth")


def test_a_whole_number_is_taken_for_a_float(tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text("SCRATCH: {AREA_THRESHOLD: 400}\nSOLVER: {BASE_LR: 1}\n")
    cfg = load_config(file, ["GATE.THRESHOLD", "1", "SCRATCH.BURST_GAP", "60"])
    values = cfg.SCRATCH.AREA_THRESHOLD, cfg.SOLVER.BASE_LR, cfg.GATE.THRESHOLD
    assert values == (400.0, 1.0, 1.0) and cfg.SCRATCH.BURST_GAP == 60.0
    assert {type(value) for value in values} == {float}
