"""The keys that scratch_d2 adds to Detectron2's, with their defaults and what each accepts.

The comments become the page of config keys.
"""

from fvcore.common.config import CfgNode

ACCEPTED = {
    "SCRATCH.ENGINE": ("auto", "d2", "embedded"),
    "SCRATCH.PRECISION": ("auto", "exact", "float32", "bfloat16"),
    "SCRATCH.RUNTIME": ("auto", "torch", "onnxruntime", "openvino"),
    "SCRATCH.AREA_METHOD": ("contour", "pixel", "weighted"),
    "SCRATCH.AREA_SCALING": ("none", "odds"),
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
# Keys of earlier releases: those with another name now, and those that say nothing any more.
RENAMED_KEYS = {"GATE.SKIP_BELOW": "GATE.THRESHOLD"}
REMOVED_KEYS = ("SCRATCH.CALIBRATED_ON",)


def add_scratch_config(cfg: CfgNode) -> None:
    """Add the keys of scratch_d2 to a config, in place; works on Detectron2's `get_cfg()` too."""
    node = type(cfg)
    cfg.SCRATCH = node()
    # Which engine trains and runs the detector: "auto" takes Detectron2 if it is installed.
    cfg.SCRATCH.ENGINE = "auto"
    # How scratch-d2 predict computes: in "bfloat16", in "float32" with norms folded, or "exact" as
    # in training and evaluation. "auto" is bfloat16 on a GPU that has it, else float32. If a
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
    # "odds" lowers the area threshold for images that the gate is surer of: it is multiplied by
    # (1 - p) / p, with p = p(Bad), and so is the review band. AREA_THRESHOLD is then the threshold
    # at a p(Bad) of 50%. "none" holds one threshold for all images. "odds" needs a gate.
    cfg.SCRATCH.AREA_SCALING = "none"
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
