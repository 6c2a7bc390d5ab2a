"""Configs that the engine d2 takes, with what it makes of them, and those it refuses by name."""

import pickle
from argparse import Namespace

import numpy as np
import pytest
import torch

from scratch_d2.config import load_config
from scratch_d2.data import get_dataset_dicts, register_scratch_dataset
from scratch_d2.engines import get_engine
from scratch_d2.engines.plain_config import to_plain_detectron2
from scratch_d2.structures.masks import encode_rle
from tests.builders import rectangles, save
from tests.engines.parity import TINY, image

pytestmark = pytest.mark.detectron2

# Keys of 2024. The installed Detectron2 builds its models without them, too.
NEW_KEYS = ["FLOAT32_PRECISION", "DATALOADER.REPEAT_SQRT"]


@pytest.fixture
def older(monkeypatch):
    """The installed Detectron2 without the keys of its last years."""
    import scratch_d2.engines.d2.settings as settings

    real = settings.get_cfg

    def get_cfg():
        cfg = real()
        for key in NEW_KEYS:
            *blocks, leaf = key.split(".")
            node = cfg
            for block in blocks:
                node = node[block]
            node.pop(leaf, None)
        return cfg

    monkeypatch.setattr(settings, "get_cfg", get_cfg)
    return get_cfg


def test_keys_that_an_older_detectron2_lacks_are_left_out(older):
    from scratch_d2.engines.d2.settings import to_d2_config

    cfg = to_d2_config(load_config(TINY, ["SOLVER.MAX_ITER", "7"]))
    assert cfg.SOLVER.MAX_ITER == 7 and "FLOAT32_PRECISION" not in cfg
    assert cfg.DATALOADER.REPEAT_SQRT is False and cfg.SCRATCH.AREA_UNIT == "auto"


def test_what_it_would_lose_is_refused_by_name(older):
    from scratch_d2.engines.d2.settings import to_d2_config

    opts = ["FLOAT32_PRECISION", "high", "DATALOADER.REPEAT_SQRT", "False"]
    with pytest.raises(ValueError, match="too old for .*FLOAT32_PRECISION 'high'") as caught:
        to_d2_config(load_config(TINY, opts))
    # Our own loader repeats images, so that nothing is lost of how often.
    assert "REPEAT_SQRT" not in str(caught.value)
    assert to_d2_config(load_config(TINY, opts[2:])).DATALOADER.REPEAT_SQRT is False


def test_an_older_detectron2_trains_and_reads_config_d2(older, labels, tmp_path):
    names = "('tests_labels',)"
    opts = ["DATASETS.TRAIN", names, "DATASETS.TEST", "()", "OUTPUT_DIR", str(tmp_path)]
    opts += ["DATALOADER.SAMPLER_TRAIN", "RepeatFactorTrainingSampler", "SOLVER.MAX_ITER", "1"]
    opts += ["DATALOADER.REPEAT_THRESHOLD", "0.9", "DATALOADER.REPEAT_SQRT", "False"]
    get_engine("d2").train(load_config(TINY, opts))
    cfg = older()
    cfg.merge_from_file(str(tmp_path / "config_d2.yaml"))
    assert cfg.MODEL.WEIGHTS.endswith("model_final.pth") and cfg.MODEL.ROI_HEADS.NUM_CLASSES == 1


def test_config_d2_holds_nothing_that_only_newer_releases_know():
    opts = ["DATALOADER.REPEAT_SQRT", "False", "FLOAT32_PRECISION", "high"]
    opts += ["SOLVER.BASE_LR_END", "0.001", "MODEL.MASK_ON", "True"]
    plain = to_plain_detectron2(load_config(None, opts))
    assert plain.MODEL.MASK_ON is True
    assert "SOLVER" not in plain and "DATALOADER" not in plain and "FLOAT32_PRECISION" not in plain


REFUSED = [
    *[("MODEL.MASK_ON", "False"), ("MODEL.KEYPOINT_ON", "True"), ("MODEL.LOAD_PROPOSALS", "True")],
    *[("TEST.AUG.ENABLED", "True"), ("INPUT.FORMAT", "L"), ("INPUT.FORMAT", "YUV-BT.601")],
    *[("SOLVER.IMS_PER_BATCH", "0"), ("SOLVER.MAX_ITER", "0"), ("INPUT.CROP.TYPE", "half")],
    *[("INPUT.MASK_FORMAT", "rle"), ("MODEL.ROI_HEADS.NUM_CLASSES", "80")],
    *[("MODEL.META_ARCHITECTURE", name) for name in ("ProposalNetwork", "RetinaNet", "FCOS")],
    *[("MODEL.META_ARCHITECTURE", name) for name in ("SemanticSegmentor", "PanopticFPN")],
    *[("MODEL.PROPOSAL_GENERATOR.NAME", "RRPN"), ("MODEL.ROI_HEADS.NAME", "RROIHeads")],
    ("MODEL.ANCHOR_GENERATOR.NAME", "RotatedAnchorGenerator"),
]


@pytest.mark.parametrize(("key", "value"), REFUSED)
def test_what_gives_no_verdicts_is_refused_before_anything_is_written(
    tiny_cfg, tmp_path, key, value
):
    tiny_cfg.merge_from_list([key, value])
    for call in (
        lambda engine: engine.train(tiny_cfg),
        lambda engine: engine.load(tiny_cfg, tmp_path / "any.pth"),
        lambda engine: engine.evaluate(tiny_cfg, tmp_path / "any.pth", None),
    ):
        with pytest.raises(ValueError, match=f"{key} is '?{value}'?; accepted is "):
            call(get_engine("d2"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("opts", "message"),
    [
        (["MODEL.BACKBONE.NAME", "nowhere"], "No object named 'nowhere' found in 'BACKBONE'"),
        (["MODEL.ROI_HEADS.NAME", "CascadeROIHeads"], "only support class-agnostic"),
        (["MODEL.ROI_BOX_HEAD.USE_FED_LOSS", "True"], "use sigmoid cross entropy loss"),
    ],
)
def test_what_detectron2_cannot_build_is_a_sentence(tiny_cfg, opts, message):
    tiny_cfg.merge_from_list(opts)
    with pytest.raises(ValueError, match=f"cannot build what the config asks for: .*{message}"):
        get_engine("d2").train(tiny_cfg)


C4 = [
    *("MODEL.BACKBONE.NAME", "build_resnet_backbone", "MODEL.RPN.IN_FEATURES", "['res4']"),
    *("MODEL.RESNETS.OUT_FEATURES", "['res4']", "MODEL.ROI_HEADS.NAME", "Res5ROIHeads"),
    *("MODEL.ROI_HEADS.IN_FEATURES", "['res4']", "MODEL.ROI_BOX_HEAD.NAME", "''"),
    *("MODEL.ANCHOR_GENERATOR.SIZES", "[[16, 32, 64]]", "MODEL.ROI_MASK_HEAD.NUM_CONV", "0"),
    *("MODEL.ROI_BOX_HEAD.POOLER_RESOLUTION", "14", "MODEL.ROI_MASK_HEAD.POOLER_RESOLUTION", "14"),
    *("MODEL.ROI_BOX_HEAD.NUM_FC", "0"),
]
DC5 = [
    *("MODEL.BACKBONE.NAME", "build_resnet_backbone", "MODEL.RPN.IN_FEATURES", "['res5']"),
    *("MODEL.RESNETS.OUT_FEATURES", "['res5']", "MODEL.RESNETS.RES5_DILATION", "2"),
    *("MODEL.ROI_HEADS.IN_FEATURES", "['res5']"),
    *("MODEL.ANCHOR_GENERATOR.SIZES", "[[16, 32, 64]]"),
]


@pytest.mark.parametrize("opts", [C4, DC5], ids=["C4", "DC5"])
def test_networks_without_a_pyramid_train_from_a_resnet_and_predict(labels, tmp_path, opts):
    start = get_engine("d2").train(tiny(labels, tmp_path / "fpn", "SOLVER.MAX_ITER", "1"))
    cfg = tiny(labels, tmp_path / "run", *opts, "MODEL.WEIGHTS", str(start))
    weights = get_engine("d2").train(cfg)
    trained = torch.load(weights, weights_only=True)["model"]
    given = torch.load(start, weights_only=True)["model"]
    name = "res2.0.conv1.weight"  # frozen, so it is what training began with
    assert torch.equal(trained[f"backbone.{name}"], given[f"backbone.bottom_up.{name}"])
    cfg.MODEL.ROI_HEADS.SCORE_THRESH_TEST = 0.0
    detector = get_engine("d2").load(cfg, weights)
    images = [image(90, 150), image(64, 96, 1), image(90, 150, 2)]
    for alone, together in zip(map(lambda one: detector([one])[0], images), detector(images)):
        assert len(alone) == len(together) > 0
        np.testing.assert_allclose(alone.scores, together.scores, atol=1e-5)


def tiny(labels, folder, *opts):
    names = "('tests_labels',)"
    fixed = ["DATASETS.TRAIN", names, "DATASETS.TEST", "()", "OUTPUT_DIR", str(folder)]
    return load_config(TINY, [*fixed, "MODEL.BACKBONE.FREEZE_AT", "2", *opts])


def to_caffe2(name):
    """The name that Caffe2 gives to a parameter of a ResNet of Detectron2."""
    module, leaf = name.removeprefix("backbone.bottom_up.").rsplit(".", 1)
    branches = {"shortcut": "1", "conv1": "2a", "conv2": "2b", "conv3": "2c"}
    stage, *rest = module.removesuffix(".norm").split(".")
    place = f"{stage}_{rest[0]}_branch{branches[rest[-1]]}" if len(rest) == 2 else "conv1"
    if not module.endswith(".norm"):
        return f"{place}_w"
    return f"{'res_' if place == 'conv1' else ''}{place}_bn_{'s' if leaf == 'weight' else 'b'}"


def test_weights_with_caffe2_names_start_the_backbone(labels, tmp_path):
    start = get_engine("d2").train(tiny(labels, tmp_path / "fpn", "SOLVER.MAX_ITER", "1"))
    given = {
        name: value
        for name, value in torch.load(start, weights_only=True)["model"].items()
        if name.startswith("backbone.bottom_up.") and "running" not in name
    }
    blobs = {to_caffe2(name): value.numpy() * 1.25 for name, value in given.items()}
    blobs |= {"fc1000_w": np.ones((3, 3)), "conv1_w_momentum": blobs["conv1_w"]}
    (tmp_path / "R-50.pkl").write_bytes(pickle.dumps({"blobs": blobs}, protocol=2))
    opts = ["MODEL.WEIGHTS", str(tmp_path / "R-50.pkl"), "MODEL.BACKBONE.FREEZE_AT", "5"]
    weights = get_engine("d2").train(tiny(labels, tmp_path / "run", *opts, "SOLVER.MAX_ITER", "1"))
    trained = torch.load(weights, weights_only=True)["model"]
    for name, value in given.items():
        torch.testing.assert_close(trained[name], value * 1.25, msg=name)
    norm = "backbone.bottom_up.res3.0.conv1.norm."
    assert torch.equal(trained[f"{norm}running_var"], torch.ones_like(given[f"{norm}weight"]))
    assert not trained[f"{norm}running_mean"].any()


@pytest.mark.parametrize("mask_format", ["bitmask", "polygon"])
def test_boxes_are_tight_around_cropped_masks_as_detectron2_has_them(tmp_path, mask_format):
    from detectron2.data import DatasetMapper

    from scratch_d2.engines.d2.mapper import ScratchMapper
    from scratch_d2.engines.d2.settings import to_d2_config

    if mask_format == "polygon":
        pytest.importorskip("shapely")
    # A diagonal: the crop of its box is far from the box of its crop.
    mask = np.zeros((120, 160), bool)
    for step in range(100):
        mask |= rectangles(120, 160, (10 + step, 10 + step, 16 + step, 14 + step))
    save(np.full((120, 160, 3), 200, np.uint8), tmp_path / "bad" / "a.png")
    save(mask.astype(np.uint8) * 255, tmp_path / "masks" / "a.png")
    register_scratch_dataset("tests_crop", tmp_path, replace=True)
    opts = ["INPUT.CROP.ENABLED", "True", "INPUT.CROP.SIZE", "[0.5, 0.5]"]
    opts += ["INPUT.MASK_FORMAT", mask_format, "INPUT.RANDOM_FLIP", "horizontal"]
    cfg = to_d2_config(load_config(TINY, opts))
    ours, theirs = ScratchMapper(cfg, is_train=True), DatasetMapper(cfg, is_train=True)
    (item,) = get_dataset_dicts("tests_crop")
    if mask_format == "bitmask":
        item["annotations"][0]["segmentation"] = encode_rle(mask)
    loose, seen = 0, 0
    for seed in range(20):
        np.random.seed(seed)
        found = ours(item)["instances"]
        np.random.seed(seed)
        expected = theirs(item)["instances"]
        assert torch.equal(found.gt_boxes.tensor, expected.gt_boxes.tensor)
        seen += len(found)
        if len(found):
            tight = found.gt_masks.get_bounding_boxes().tensor
            assert torch.equal(found.gt_boxes.tensor, tight)
            loose += bool((tight != torch.tensor([0.0, 0, 80, 60])).any())
    assert seen > 10 and loose > 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_gpus": 2}, "--num-gpus is 2, but this machine has 0 GPUs; accepted is 1 on the CPU"),
        ({"num_gpus": -1}, "--num-gpus is -1; accepted is 1"),
        ({"num_machines": 0}, "--num-machines is 0; accepted is 1 or more"),
        ({"num_machines": 2, "machine_rank": 2}, "--machine-rank is 2; accepted is 0 to 1"),
        ({"num_machines": 2}, "--dist-url is auto; with 2 machines, accepted is tcp://HOST:PORT"),
    ],
)
def test_processes_that_cannot_be_started_are_refused(monkeypatch, changes, message):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    asked = {"num_gpus": 1, "num_machines": 1, "machine_rank": 0, "dist_url": "auto", **changes}
    with pytest.raises(ValueError, match=message):
        get_engine("d2").launch(lambda args: 1, Namespace(**asked))


def test_an_empty_or_unknown_test_set_is_known_before_training(tiny_cfg, tmp_path, labels):
    import detectron2.data

    detectron2.data.DatasetCatalog.register("tests_none", lambda: [])
    try:
        tiny_cfg.DATASETS.TEST = ["tests_none"]
        for name in ("d2", "embedded"):
            with pytest.raises(ValueError, match="'tests_none' of DATASETS.TEST holds no image"):
                get_engine(name).train(tiny_cfg)
    finally:
        detectron2.data.DatasetCatalog.remove("tests_none")
    assert not (tmp_path / "run" / "metrics.json").exists()
