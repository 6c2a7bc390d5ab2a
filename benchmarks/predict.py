"""Time scratch-d2 predict against one image after the other, on the same weights and photographs.

python benchmarks/predict.py --config-file C --weights W --gate G [--images N] [KEY VALUE ...]

Renders labels, 20% of them Bad, once as they are and once enlarged to 2,000 pixels, and inspects
them in turns, each contender in a process of its own: Detectron2's DefaultPredictor in a loop if it
is installed; the embedded detector in a loop; this package as scratch-d2 predict runs it, exactly
and in each runtime that is installed, writing all its results; and the models of its fastest run
alone, on images that are in memory already. Thresholds are those beside W. Prints images a second,
processor time, which tells more while other programs run, peak memory, verdicts, and how far the
time is from the models' floating-point work at the measured speed of matrix products.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from scratch_d2.checkpoints.bundle import resolve_bundle
from scratch_d2.config import load_config
from scratch_d2.data.images import read_image
from scratch_d2.engines import get_engine
from scratch_d2.inspection.inputs import find_files, in_batches
from scratch_d2.inspection.inspector import Inspector
from scratch_d2.inspection.pipeline import Stage, run_stages
from scratch_d2.inspection.predict import Options, predict_files
from scratch_d2.inspection.processors import pick_workers, shared_by
from scratch_d2.inspection.rows import RowFile
from scratch_d2.inspection.summary import format_times
from scratch_d2.structures.verdict import judge
from scratch_d2.synthetic.dataset import write_dataset
from scratch_d2.utils.installed import detectron2_installed
from scratch_d2.utils.tables import format_table

LARGE = 2000
BEST, ALONE = "predict", "its models alone"


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config-file", required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--gate", required=True)
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--large", type=int, default=40, help="photographs of 2,000 pixels")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seed", type=int, default=77)
    parser.add_argument("--only", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("opts", nargs=argparse.REMAINDER)
    return parser.parse_args()


def setup(args, precision="auto"):
    opts = ["MODEL.DEVICE", "cpu", *args.opts]
    opts += ["MODEL.WEIGHTS", args.weights, "GATE.WEIGHTS", args.gate]
    opts += ["SCRATCH.PRECISION", precision]
    return load_config(args.config_file, opts), opts


def now():
    """Seconds of the clock and of all processors."""
    return np.array([time.perf_counter(), time.process_time()])


def one_by_one(args, folder, find):
    """Read an image, find, judge, next; `find` gets HxWx3 uint8 RGB.

    There is no gate, so each image is judged as one that just reaches the gate threshold.
    """
    cfg, opts = setup(args)
    thresholds = resolve_bundle(cfg, opts).thresholds
    find(read_image(next(find_files([folder])).path))
    begin, labels = now(), []
    for source in find_files([folder]):
        found = find(read_image(source.path))
        labels.append(judge(found, thresholds.gate_threshold, thresholds).label)
    return now() - begin, labels


def default_predictor(args, folder):
    from detectron2.engine import DefaultPredictor

    from scratch_d2.engines.d2.detector import to_prediction
    from scratch_d2.engines.d2.engine import to_d2_config

    cfg = to_d2_config(setup(args)[0])
    predictor = DefaultPredictor(cfg)

    def find(image):
        return to_prediction(predictor(image[:, :, ::-1])["instances"], *image.shape[:2])

    return one_by_one(args, folder, find)


def embedded_loop(args, folder):
    detector = get_engine("embedded").load(setup(args)[0], args.weights)
    return one_by_one(args, folder, lambda image: detector([image])[0])


def ours(args, folder, runtime="auto", precision="auto"):
    inspector = load_inspector(args, runtime, precision)
    inspector.inspect([read_image(next(find_files([folder])).path)])
    options = Options(workers=pick_workers("cpu"))
    with tempfile.TemporaryDirectory() as output:
        begin = now()
        _, stopwatch = predict_files(inspector, find_files([folder]), Path(output), options)
        seconds = now() - begin
        labels = [row["verdict"] for row in RowFile(Path(output) / "results.jsonl")]
    return seconds, labels, f"{inspector.runtime}; {format_times(stopwatch)}"


def load_inspector(args, runtime="auto", precision="auto"):
    cfg, opts = setup(args, precision)
    opts = [*opts, "SCRATCH.RUNTIME", runtime]
    return Inspector.from_config(load_config(args.config_file, opts), get_engine(), opts, 1)


def models_alone(args, folder):
    """What is left of `ours` without reading, pictures and results."""
    inspector = load_inspector(args)
    images = [read_image(source.path) for source in find_files([folder])]
    inspector.inspect(images[:1])
    workers, found = pick_workers("cpu"), []
    begin = now()
    with shared_by(workers) as start:
        stage = Stage(inspector.inspect, workers, start)
        run_stages(in_batches(images, Options.batch_size), [stage], found.extend, 2 * workers + 2)
    return now() - begin, [inspection.verdict.label for inspection in found]


CONTENDERS = {
    "DefaultPredictor, one by one": default_predictor,
    "embedded, one by one": embedded_loop,
    "predict, exact": lambda args, folder: ours(args, folder, precision="exact"),
    "predict, torch": lambda args, folder: ours(args, folder, "torch"),
    "predict, OpenVINO": lambda args, folder: ours(args, folder, "openvino"),
    BEST: ours,
    ALONE: models_alone,
}


def run_contender(args, folder, name):
    """Run a contender in a process of its own."""
    command = [sys.executable, __file__, *sys.argv[1:]]
    at = command.index(args.opts[0]) if args.opts else len(command)
    command[at:at] = ["--only", name, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def be_contender(args):
    name, folder = args.only
    (seconds, busy), labels, *said = CONTENDERS[name](args, folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    done = {"seconds": seconds, "busy": busy, "labels": labels, "peak": peak, "said": said}
    print(json.dumps(done))


def write_photographs(root, args):
    """Folders of the same labels: as they are, and enlarged."""
    write_dataset(root / "small", args.images, bad_fraction=0.2, seed=args.seed, progress=False)
    for kind, count in (("bad", args.large // 5), ("good", args.large - args.large // 5)):
        (root / "large" / kind).mkdir(parents=True)
        for path in sorted((root / "small" / kind).iterdir())[:count]:
            image = Image.open(path)
            scale = LARGE / max(image.size)
            size = [round(side * scale) for side in image.size]
            image.resize(size, Image.Resampling.BICUBIC).save(root / "large" / kind / path.name)
    return root / "small", root / "large"


def compare(args, folder):
    lacking = {"Default": not detectron2_installed(), "OpenVINO": not find_spec("openvino")}
    names = [n for n in CONTENDERS if not any(part in n and no for part, no in lacking.items())]
    runs = defaultdict(list)
    for turn in range(args.rounds):
        for name in names[:: 1 if turn % 2 == 0 else -1]:
            runs[name].append(run_contender(args, folder, name))
    paths = [source.path for source in find_files([str(folder)])]
    bad = [path.parent.name == "bad" for path in paths]
    every = runs["embedded, one by one"][0]["labels"]
    best = {
        key: {name: min(run[key] for run in runs[name]) for name in names}
        for key in ("seconds", "busy")
    }
    print(f"\n{len(paths)} photographs, {sum(bad)} of them Bad; the best of {args.rounds} rounds")
    rows = []
    for name in names:
        labels = runs[name][0]["labels"]
        tp = sum(label == "bad" for label, b in zip(labels, bad) if b)
        fp = sum(label == "bad" for label, b in zip(labels, bad) if not b)
        same = sum(map(str.__eq__, labels, every))
        rates = f"{len(paths) / best['seconds'][name]:.1f}", _ratio(best["seconds"], name)
        busy = f"{1000 * best['busy'][name] / len(paths):.1f}", _ratio(best["busy"], name)
        peak = max(run["peak"] for run in runs[name])
        rows.append([name, *rates, *busy, f"{peak:.0f}", tp, fp, same])
    headers = ["", "images/s", "ratio", "processor ms per image", "ratio", "peak MB"]
    headers += ["true positives", "false positives"]
    print(format_table(rows, [*headers, "verdicts as one by one"], markdown=True))
    mine = runs[BEST][0]["labels"]
    lost = [p for p, b, x, y in zip(paths, bad, every, mine) if b and x == "bad" != y]
    print(f"  Bad lost against the detector on everything: {len(lost)} {[p.name for p in lost]}")
    fastest = min(runs[BEST], key=lambda run: run["seconds"])
    print(f"  {fastest['said'][0]}")
    shares = [1 - best[key][ALONE] / best[key][BEST] for key in ("seconds", "busy")]
    print(f"  outside the models: {shares[0]:.1%} of the time, {shares[1]:.1%} of processor time")
    return fastest["seconds"], paths


def _ratio(seconds, name):
    return f"{next(iter(seconds.values())) / seconds[name]:.2f}"


def matrix_rate(dtype):
    """Floating-point operations a second in products of large matrices, on all processors."""
    one, other = (torch.randn(2048, 2048).to(dtype) for _ in range(2))
    best = float("inf")
    for _ in range(10):
        begin = time.perf_counter()
        one @ other
        best = min(best, time.perf_counter() - begin)
    return 2 * 2048**3 / best


def mean_work(model, images):
    """Floating-point operations that a model needs for an image, from about 20 of them."""
    some = images[:: max(1, len(images) // 20)]
    total = 0
    for image in some:
        with FlopCounterMode(display=False) as counter:
            model([image])
        total += counter.get_total_flops()
    return total / max(len(some), 1)


def print_limit(args, seconds, paths):
    """Compare a run with the work of its models at the speed of matrix products."""
    inspector = load_inspector(args, "torch")
    images = [read_image(path) for path in paths]
    scores = inspector.models.gate(images)
    doubtful = [i for i, p in zip(images, scores) if p >= inspector.thresholds.gate_threshold]
    gate = mean_work(inspector.models.gate, images)
    detector = mean_work(inspector.models.detector, doubtful)
    total = gate * len(images) + detector * len(doubtful)
    dtype = getattr(torch, str(inspector.metadata["precision"]))
    rate = matrix_rate(dtype)
    print(
        f"  {len(doubtful)} of {len(images)} go to the detector; gate {gate / 1e9:.2f}, detector "
        f"{detector / 1e9:.1f} GFLOP an image; {total / 1e12:.2f} TFLOP at {rate / 1e9:.0f} "
        f"GFLOP/s ({str(dtype)[6:]}) take {total / rate:.1f} s: the run took "
        f"{seconds * rate / total:.1f} times that"
    )


def main():
    args = parse_args()
    warnings.simplefilter("ignore")
    if args.only:
        be_contender(args)
        return
    print(f"{os.cpu_count()} processors, torch {torch.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SCRATCH_D2_CACHE"] = str(Path(folder) / "cache")
        for photographs in write_photographs(Path(folder), args):
            seconds, paths = compare(args, photographs)
            print_limit(args, seconds, paths)


if __name__ == "__main__":
    main()
