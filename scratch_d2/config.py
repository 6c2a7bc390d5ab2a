"""One configuration dialect for both engines: Detectron2's keys plus `cfg.SCRATCH` and `cfg.GATE`.

Config files are Detectron2's YAML, `_BASE_` included, and load with or without Detectron2.
"""

import logging
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from fvcore.common.config import CfgNode

from scratch_d2.utils.bundled import find_config, find_weights
from scratch_d2.utils.config_files import as_floats, check_kinds, read_config_file

ACCEPTED = {
    "SCRATCH.ENGINE": ("auto", "d2", "embedded"),
    "SCRATCH.PRECISION": ("auto", "exact", "float32", "bfloat16"),
    "SCRATCH.RUNTIME": ("auto", "torch", "onnxruntime", "openvino"),
    "SCRATCH.AREA_METHOD": ("contour", "pixel", "weighted"),
    "SCRATCH.AREA_UNIT": ("auto", "pixel", "fraction", "mm2"),
    "SCRATCH.RANDOM_TURN": ("none", "half", "quarter"),
}
RANGES = {
    "SCRATCH.WHITE_LEVEL": (0, float("inf")),
    "SCRATCH.MASK_THRESHOLD": (0, 254),
    "SCRATCH.SCORE_THRESHOLD": (0, 1),
    "SCRATCH.AREA_THRESHOLD": (-1, float("inf")),
    "SCRATCH.PIXELS_PER_MM": (0, float("inf")),
    "SCRATCH.BURST_GAP": (0, float("inf")),
    "SCRATCH.DUPLICATE_DISTANCE": (-1, 256),
    "SCRATCH.FOLDS": (0, 1000),
    "SCRATCH.ASPECT_GROUPS": (1, 100),
    "SCRATCH.RANDOM_LIGHT": (0, 0.9),
    "GATE.THRESHOLD": (0, 1),
    "GATE.WIDTH": (0.05, 4),
    "GATE.IMAGE_SIZE": (32, 4096),
    "GATE.EPOCHS": (1, 100000),
    "GATE.BATCH_SIZE": (1, 65536),
    "GATE.POS_WEIGHT": (0, float("inf")),
    "GATE.MASK_LOSS_WEIGHT": (0, float("inf")),
}
# Keys that hold a path, in which "~" is the home folder.
PATHS = (
    *("OUTPUT_DIR", "GATE.OUTPUT_DIR", "MODEL.WEIGHTS", "GATE.WEIGHTS"),
    *("SCRATCH.DATA_ROOT", "SCRATCH.TRAINED_ON", "SCRATCH.PSEUDO_MASKS"),
)

# Keys of earlier releases: those with another name now, and those that say nothing any more.
RENAMED_KEYS = {"GATE.SKIP_BELOW": "GATE.THRESHOLD"}
REMOVED_KEYS = ("SCRATCH.CALIBRATED_ON",)
logger = logging.getLogger(__name__)


def add_scratch_config(cfg: CfgNode) -> None:
    """Add the keys of scratch_d2 to a config, in place; works on Detectron2's `get_cfg()` too."""
    node = type(cfg)
    cfg.SCRATCH = node()
    # Which engine trains and runs the detector: "auto" takes Detectron2 if it is installed.
    cfg.SCRATCH.ENGINE = "auto"
    # How scratch-d2 predict computes: in "bfloat16", in "float32" with norms folded, or "exact" as
    # in training and evaluation. "auto" is bfloat16 if the device has it, else float32. If a
    # decision in these is close, the exact models decide.
    cfg.SCRATCH.PRECISION = "auto"
    # What runs gate and detector in scratch-d2 predict: "torch", "onnxruntime" or "openvino". The
    # runtimes compute in float32 on processors, from an export that is made once. "auto" takes ONNX
    # Runtime if it is installed and SCRATCH.PRECISION comes to float32, else torch.
    cfg.SCRATCH.RUNTIME = "auto"
    # Folder with good/, bad/ and masks/ behind the names scratch_text_{train,val,test,all};
    # "" means $DETECTRON2_DATASETS/scratch_text.
    cfg.SCRATCH.DATA_ROOT = ""
    # Seed of the split into train, val and test; groups stay together.
    cfg.SCRATCH.SPLIT_SEED = 0
    # Photographs at most this many seconds apart, by their file names, are one group.
    cfg.SCRATCH.BURST_GAP = 30.0
    # Photographs are also one group if their perceptual hashes differ in at most this many bits;
    # -1 compares none. The leak check of an evaluation uses the same limit.
    cfg.SCRATCH.DUPLICATE_DISTANCE = 12
    # Number of folds for cross-validation, 3 or more: scratch_text_fold0_{train,val,test} and so
    # on are registered as well. 0 makes none.
    cfg.SCRATCH.FOLDS = 0
    # A splits.json, as training writes it beside the checkpoint, that lists the images which the
    # model has seen; "" means the file beside the weights.
    cfg.SCRATCH.TRAINED_ON = ""
    # COCO JSON of pseudo-masks for Bad training images without a mask, as fine-tuning writes it;
    # "" leaves these images out of the detector's training.
    cfg.SCRATCH.PSEUDO_MASKS = ""
    # Level that is white in images of more than 8 bits: 4095 for a camera of 12 bits, 1.0 for
    # floats of 0 to 1. 0 finds it for each image, and the row of the results says what was taken.
    cfg.SCRATCH.WHITE_LEVEL = 0.0
    # In a grey mask file, pixels above this level (0..255) are scratch.
    cfg.SCRATCH.MASK_THRESHOLD = 127
    # A detection counts for the area if its score is at least this.
    cfg.SCRATCH.SCORE_THRESHOLD = 0.5
    # An image is Bad if its scratch area is at least this, in AREA_UNIT. -1 is the default of the
    # unit: 1% of the image, 1 mm2 or 500 pixels.
    cfg.SCRATCH.AREA_THRESHOLD = -1.0
    # How the area is measured: "contour" sums cv2.contourArea over external contours, "pixel"
    # counts mask pixels, "weighted" counts each with the fourth power of its score.
    cfg.SCRATCH.AREA_METHOD = "contour"
    # Unit of the area: "fraction" of the image, "pixel" of the original image, or "mm2". "auto" is
    # mm2 if PIXELS_PER_MM is set, else fraction.
    cfg.SCRATCH.AREA_UNIT = "auto"
    # Pixels of the original image in a millimetre of the label; 0 if it is not known.
    cfg.SCRATCH.PIXELS_PER_MM = 0.0
    # Areas in [low, high) are sent to review instead of being judged; [] judges every image.
    cfg.SCRATCH.REVIEW_BAND = []
    # Send an image to review if gate and area rule are sure of the opposite. The detector then
    # looks at every image, so the gate saves no time.
    cfg.SCRATCH.REVIEW_DISAGREEMENT = False

    # In training, a batch is padded to its largest image. DATALOADER.ASPECT_RATIO_GROUPING keeps
    # standing and lying images apart; this splits each of the two into so many groups, from long
    # to square.
    cfg.SCRATCH.ASPECT_GROUPS = 1
    # The detector's training images are turned at random, beside INPUT.RANDOM_FLIP: by "half" a
    # turn, or by any "quarter", which may turn lying images of a batch upright.
    cfg.SCRATCH.RANDOM_TURN = "none"
    # Their contrast and brightness are scaled by factors of up to 1 plus or minus this.
    cfg.SCRATCH.RANDOM_LIGHT = 0.0

    cfg.GATE = node()
    # Use the gate when inspecting. Without it every image goes to the detector.
    cfg.GATE.ENABLED = True
    # Checkpoint of the gate, written by scratch-d2 train-gate; "" means there is none. Training
    # starts from it, too.
    cfg.GATE.WEIGHTS = ""
    # A convolutional network of timm. Only "resnet50" can also initialise the detector's backbone.
    cfg.GATE.MODEL = "resnet50"
    # True lets timm download ImageNet weights for the start of training.
    cfg.GATE.PRETRAINED = False
    # Share of the channels in the stages of a ResNet. The detector takes its backbone if
    # MODEL.RESNETS has RES2_OUT_CHANNELS 256 and WIDTH_PER_GROUP 64 times that as well.
    cfg.GATE.WIDTH = 1.0
    # Longer side of the gate's input in px. Images are turned to landscape and scaled to it.
    cfg.GATE.IMAGE_SIZE = 224
    # Send an image to review that is too dark, too small, without print or full of noise, compared
    # with the images that the gate was trained on.
    cfg.GATE.CHECK_IMAGES = True
    # An image with a lower p(Bad) is Good; the detector does not look at it.
    cfg.GATE.THRESHOLD = 0.05
    # An image with this p(Bad) or more is Bad whatever its scratch area; the detector only shows
    # where. null leaves all such verdicts to the area rule.
    cfg.GATE.UPPER_THRESHOLD = None
    # Folder for checkpoints, logs and config of the gate.
    cfg.GATE.OUTPUT_DIR = "./output/gate"
    # How often the training of the gate sees each image.
    cfg.GATE.EPOCHS = 20
    # Images per step of the gate's training.
    cfg.GATE.BATCH_SIZE = 32
    # Highest learning rate of the gate: AdamW with a one-cycle schedule.
    cfg.GATE.BASE_LR = 3e-4
    # Weight decay of AdamW.
    cfg.GATE.WEIGHT_DECAY = 0.05
    # Weight of Bad images in the loss; 0 means n(Good) / n(Bad) of the training data.
    cfg.GATE.POS_WEIGHT = 0.0
    # Weight of a second loss, which compares the patches with the masks; 0 leaves it out. With it
    # the gate learns sooner, and what it learns holds better on photographs of another kind.
    cfg.GATE.MASK_LOSS_WEIGHT = 3.0

    for old, new in RENAMED_KEYS.items():
        cfg.register_renamed_key(old, new)
    for old in REMOVED_KEYS:
        cfg.register_deprecated_key(old)


def default_config() -> CfgNode:
    """Return a fresh config holding every key of Detectron2 and of scratch_d2 at its default."""
    text = (Path(__file__).parent / "d2_defaults.yaml").read_text("utf-8")
    cfg = CfgNode(yaml.safe_load(text))
    add_scratch_config(cfg)
    return cfg


def load_config(file: str | Path | None = None, opts: Sequence[str] = ()) -> CfgNode:
    """Return the defaults with a config file and then KEY VALUE pairs merged in.

    Relative weights of the file are looked for by `scratch_d2.utils.bundled.find_weights`; the log
    warns if they are in none of its places. KEY VALUE pairs are taken as they are.

    Raises:
        FileNotFoundError: there is no such config file.
        ValueError: the file is no config, a key is unknown, a value has the wrong type or is not
            accepted; the message names file, key, value and what is accepted.
    """
    cfg = default_config()
    if file is not None:
        path = find_config(file)
        loaded = read_config_file(path)
        try:
            loaded = _with_new_names(loaded, str(path))
            as_floats(loaded, flatten(cfg))
            cfg.merge_from_other_cfg(CfgNode(loaded))
            check_kinds(flatten(cfg), flatten(default_config()))
        except (KeyError, ValueError, AssertionError) as error:
            raise ValueError(f"{path}: {_explain(error)}") from None
        _place_weights(cfg, path, opts)
    late = [text for text in opts if text.startswith("--")]
    if late:
        raise ValueError(f"{late[0]} comes after KEY VALUE pairs; options come before them")
    if len(opts) % 2:
        raise ValueError(f"KEY VALUE pairs expected after the options, but got {list(opts)}")
    for key, value in zip(opts[::2], opts[1::2]):
        key = _new_name(key, "the command line")
        whole = isinstance(value, str) and value.strip().lstrip("+-").isdecimal()
        if whole and isinstance(flatten(cfg).get(key), float):
            value = f"{value}.0"
        try:
            cfg.merge_from_list([key, value])
        except (KeyError, ValueError, AssertionError) as error:
            raise ValueError(f"option {key} {value}: {_explain(error, key)}") from None
    check_config(cfg)
    for key in PATHS:
        *blocks, leaf = key.split(".")
        node = cfg[blocks[0]] if blocks else cfg
        if node[leaf].startswith("~"):
            node[leaf] = str(Path(node[leaf]).expanduser())
    return cfg


def _place_weights(cfg: CfgNode, file: Path, opts: Sequence[str]) -> None:
    for block in (cfg.MODEL, cfg.GATE):
        key = "MODEL.WEIGHTS" if block is cfg.MODEL else "GATE.WEIGHTS"
        if key in opts[::2]:
            continue
        try:
            block.WEIGHTS = find_weights(block.WEIGHTS, file)
        except FileNotFoundError as error:
            # A command that needs them refuses them; others do without, such as those that take
            # the models in OUTPUT_DIR.
            logger.warning("%s: %s", key, error)


def override(cfg: CfgNode, values: Mapping[str, object]) -> CfgNode:
    """Return a copy of a config with other values, {"OUTPUT_DIR": "runs/a", ...}; it is frozen."""
    copy = cfg.clone()
    copy.defrost()
    copy.merge_from_list([part for pair in values.items() for part in pair])
    copy.freeze()
    return copy


def _with_new_names(loaded: dict[str, Any], file: str) -> dict[str, Any]:
    """Give the keys of earlier releases in a loaded config file their present names, in place."""
    for old in RENAMED_KEYS:
        block, leaf = old.split(".")
        if isinstance(loaded.get(block), dict) and leaf in loaded[block]:
            new = _new_name(old, file).split(".")[1]
            loaded[block][new] = loaded[block].pop(leaf)
    return loaded


def _new_name(key: str, where: str) -> str:
    if key in RENAMED_KEYS:
        logger.warning("%s in %s is now called %s", key, where, RENAMED_KEYS[key])
    return RENAMED_KEYS.get(key, key)


def _explain(error: Exception, option: str = "") -> str:
    """Turn an error of yacs into one short sentence, with the known key that was probably meant."""
    text = " ".join(str(error).strip("'\"").split())
    known = flatten(default_config())
    if "Non-existent" in text:
        missing = option or text.split()[-1]
        guesses = get_close_matches(missing, known, n=1)
        hint = f"; did you mean {guesses[0]}?" if guesses else "; scratch_d2/config.py lists ours"
        return f"unknown config key {missing}{hint}"
    if text.startswith("Type mismatch"):
        key = option or text.split()[-1]
        default = known.get(key)
        accepted = "a block of keys" if default is None else f"a value like {default!r}"
        return f"{key} has a value of the wrong type; accepted is {accepted}"
    return text


def flatten(cfg: CfgNode, prefix: str = "") -> dict[str, Any]:
    """Return the leaves of a config as {"MODEL.RPN.NMS_THRESH": value, ...}."""
    leaves: dict[str, Any] = {}
    for key, value in cfg.items():
        name = f"{prefix}{key}"
        leaves.update(flatten(value, f"{name}.") if isinstance(value, CfgNode) else {name: value})
    return leaves


def check_config(cfg: CfgNode) -> None:
    """Raise ValueError if a key of scratch_d2 holds a value that is not accepted."""
    leaves = flatten(cfg)
    check_kinds(leaves, flatten(default_config()))
    for key, accepted in ACCEPTED.items():
        if leaves[key] not in accepted:
            raise ValueError(f"{key} is {leaves[key]!r}; accepted are {', '.join(accepted)}")
    for key, (low, high) in RANGES.items():
        if not low <= leaves[key] <= high:
            raise ValueError(f"{key} is {leaves[key]}; accepted is {low} to {high}")
    if -1 < cfg.SCRATCH.AREA_THRESHOLD < 0:
        raise ValueError(
            f"SCRATCH.AREA_THRESHOLD is {cfg.SCRATCH.AREA_THRESHOLD}; accepted is -1, or 0 and more"
        )
    upper = cfg.GATE.UPPER_THRESHOLD
    if upper is not None and not cfg.GATE.THRESHOLD <= upper <= 1:
        raise ValueError(
            f"GATE.UPPER_THRESHOLD is {upper}; accepted is null, or GATE.THRESHOLD "
            f"({cfg.GATE.THRESHOLD:g}) to 1"
        )
    band = list(cfg.SCRATCH.REVIEW_BAND)
    if band and not (len(band) == 2 and 0 <= band[0] < band[1]):
        raise ValueError(f"SCRATCH.REVIEW_BAND is {band}; accepted is [] or [low, high] of areas")
