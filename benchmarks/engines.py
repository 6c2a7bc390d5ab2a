"""Compare the engines on one checkpoint, side by side in one run; needs Detectron2.

python benchmarks/engines.py --config-file C --weights W [--images N] [--steps N] [KEY VALUE ...]

Renders labels, changes the size of half of them (32 to 1,300 pixels a side), finds scratches with
both engines, compares every detection of a score of 0.05 or more, and times prediction and
training steps, taking turns.
"""

import argparse
import itertools
import os
import platform
import tempfile
import time
import warnings
from pathlib import Path
from statistics import median

import numpy as np
import torch
from detectron2.engine import DefaultPredictor, SimpleTrainer
from detectron2.modeling import build_model
from detectron2.solver import build_optimizer
from detectron2.utils.events import EventStorage
from PIL import Image

from scratch_d2.checkpoints.bundle import thresholds_from_config
from scratch_d2.checkpoints.loading import load_weights
from scratch_d2.config import load_config
from scratch_d2.data import get_dataset_dicts, read_image, register_scratch_dataset
from scratch_d2.engines import get_engine
from scratch_d2.engines.batches import training_loader
from scratch_d2.engines.d2.engine import to_d2_config
from scratch_d2.engines.d2.mapper import ScratchMapper
from scratch_d2.engines.embedded import MaskRCNN
from scratch_d2.engines.embedded.mapper import TrainingMapper
from scratch_d2.engines.embedded.solver import make_optimizer
from scratch_d2.engines.embedded.train import make_scaler, step
from scratch_d2.structures.masks import decode_rle
from scratch_d2.structures.verdict import judge
from scratch_d2.synthetic.dataset import write_dataset
from scratch_d2.utils.tables import format_table

NAME = "benchmark_engines"


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config-file", required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--images", type=int, default=96)
    parser.add_argument(
        "--rounds",
        type=int,
        default=3,
        help="predictions of every image; of 3 calls each begins once in 3",
    )
    parser.add_argument("--steps", type=int, default=20, help="training steps of each engine")
    parser.add_argument("opts", nargs=argparse.REMAINDER)
    return parser.parse_args()


def photographs(count):
    """Rendered labels as HxWx3 arrays; every second one is stretched to another size."""
    rng, photos = np.random.default_rng(0), []
    for index, item in enumerate(itertools.islice(get_dataset_dicts(NAME), count)):
        photo = read_image(item["file_name"])
        if index % 2:
            sides = np.exp(rng.uniform(np.log(0.35), np.log(4), 2)) * photo.shape[:2]
            height, width = sides.round().astype(int).clip(32, 1300)
            photo = np.asarray(Image.fromarray(photo).resize((width, height)))
        photos.append(photo)
    return photos


def compare(first, second):
    """The largest differences of two predictions: scores, boxes in pixels, 1 - IoU of masks."""
    if len(first) != len(second):
        return np.inf, np.inf, 1.0
    if len(first) == 0:
        return 0.0, 0.0, 0.0
    losses = []
    for one, other in zip(first.masks, second.masks):
        one, other = decode_rle(one), decode_rle(other)
        union = (one | other).sum()
        losses.append(1 - (one & other).sum() / union if union else 0.0)
    scores, boxes = (
        np.abs(getattr(first, n) - getattr(second, n)).max() for n in ("scores", "boxes")
    )
    return float(scores), float(boxes), float(max(losses))


def in_turn(calls, argument, turn):
    """Seconds and results of calls made one after the other; each turn another one begins."""
    seconds, results = [0.0] * len(calls), [None] * len(calls)
    for place in range(len(calls)):
        index = (place + turn) % len(calls)
        start = time.perf_counter()
        results[index] = calls[index](argument)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds[index] = time.perf_counter() - start
    return seconds, results


def predictions(cfg, weights, photos, rounds):
    embedded, d2 = (get_engine(name).load(cfg, weights) for name in ("embedded", "d2"))
    plain = to_d2_config(cfg)
    plain.MODEL.WEIGHTS = str(weights)
    predictor = DefaultPredictor(plain)
    calls = [
        lambda photo: embedded([photo])[0],
        lambda photo: d2([photo])[0],
        lambda photo: predictor(photo[:, :, ::-1]),
    ]
    thresholds = thresholds_from_config(cfg)
    pairs = [in_turn(calls, photo, 0)[1][:2] for photo in photos]
    worst = np.max([compare(*pair) for pair in pairs], axis=0)
    verdicts = [[judge(found, None, thresholds).label for found in pair] for pair in pairs]
    sizes = [side for photo in photos for side in photo.shape[:2]]
    found = sum(len(theirs) for _, theirs in pairs)
    print(f"\n{len(photos)} images, {min(sizes)} to {max(sizes)} pixels a side, {found} detections")
    print(f"  scores differ by at most   {worst[0]:.1e}      bound 1e-5")
    print(f"  boxes differ by at most    {worst[1]:.1e} px   bound 1e-3")
    print(f"  mask IoU is at least       {1 - worst[2]:.6f}     bound 0.999")
    print(
        f"  verdicts equal             {sum(a == b for a, b in verdicts)} of {len(photos)}, "
        f"{sum(b == 'bad' for _, b in verdicts)} of them bad"
    )
    seconds = [in_turn(calls, p, turn)[0] for turn in range(rounds) for p in photos]
    names = ["embedded", "d2", "DefaultPredictor, no RLE"]
    print_times("prediction, one image at a time", names, seconds)


def print_times(what, names, seconds):
    """Medians in milliseconds, and the ratio of the first to each of the others."""
    columns = 1000 * np.array(seconds).T
    rows = []
    for name, column in zip(names, columns):
        ratios = columns[0].sum() / column.sum(), median(columns[0] / column)
        rows.append([name, f"{median(column):.1f}", *(f"{ratio:.3f}" for ratio in ratios)])
    headers = [what, "median ms", "embedded over it, in all", "median"]
    print("\n" + format_table(rows, headers, markdown=True))


def training_steps(cfg, weights, count):
    """Time whole steps on the same batches: forward, backward, clipping, update."""
    cfg = cfg.clone()
    cfg.SOLVER.BASE_LR, dicts = 1e-6, get_dataset_dicts(NAME)
    d2_cfg, device = to_d2_config(cfg), torch.device(cfg.MODEL.DEVICE)
    ours, theirs = MaskRCNN(cfg).to(device).train(), build_model(d2_cfg)
    for model in (ours, theirs):
        load_weights(model, weights)
    mappers = TrainingMapper(cfg), ScratchMapper(d2_cfg, is_train=True)
    loaders = [iter(training_loader(cfg, dicts, mapper, seed=0)) for mapper in mappers]
    batches = [[next(loader) for _ in range(4)] for loader in loaders]
    optimizer, scaler = make_optimizer(cfg, ours), make_scaler(cfg, device)
    optimizer_d2 = build_optimizer(d2_cfg, theirs)
    trainer = SimpleTrainer(theirs, itertools.cycle(batches[1]), optimizer_d2)

    def embedded_step(iteration):
        torch.manual_seed(iteration)
        return step(cfg, ours, batches[0][iteration % 4], optimizer, scaler, iteration)

    def d2_step(iteration):
        torch.manual_seed(iteration)
        trainer.iter = iteration
        trainer.run_step()
        return {name: value for name, (value, _) in trainer.storage.latest().items()}

    runs, gradients = [], 0.0
    with EventStorage() as trainer.storage:
        for index in range(count + 2):
            runs.append(in_turn([embedded_step, d2_step], index, index))
            gradients = max(gradients, compare_gradients(ours, theirs))
    worst = max(
        abs(value - expected[name]) / max(abs(expected[name]), 1e-6)
        for _, (found, expected) in runs
        for name, value in found.items()
    )
    seconds = [times for times, _ in runs[2:]]
    print_times(f"training step, batch of {cfg.SOLVER.IMS_PER_BATCH}", ["embedded", "d2"], seconds)
    print(f"  losses differ by at most   {worst:.1e} of their value, bound 1e-4")
    print(f"  gradient norms differ by   {gradients:.1e} of their value, bound 1e-3")


def compare_gradients(ours, theirs):
    """The largest relative difference of the 2-norm of the gradient over a part of the network."""
    parts = {}
    expected = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        if parameter.grad is not None:
            part = parts.setdefault(tuple(name.split(".")[:3]), ([], []))
            part[0].append(parameter.grad.flatten())
            part[1].append(expected[name].grad.flatten())
    norms = [[torch.cat(side).norm().item() for side in part] for part in parts.values()]
    return max(abs(a - b) / max(b, 1e-12) for a, b in norms)


def main():
    args = parse_args()
    warnings.simplefilter("ignore")
    cfg = load_config(args.config_file, ["MODEL.DEVICE", "cpu", *args.opts])
    cfg.MODEL.ROI_HEADS.SCORE_THRESH_TEST = 0.05
    print(f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SCRATCH_D2_CACHE"] = str(Path(folder) / "cache")
        root = Path(folder) / "labels"
        write_dataset(root, max(args.images, 64), bad_fraction=0.5, seed=5, progress=False)
        register_scratch_dataset(NAME, root)
        predictions(cfg, args.weights, photographs(args.images), args.rounds)
        training_steps(cfg, args.weights, args.steps)


if __name__ == "__main__":
    main()
