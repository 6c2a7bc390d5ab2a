"""README.md of a bundle: what it holds, and programs that run it."""

from pathlib import Path

from scratch_d2.bundles.loading import FAMILIARITY_FILE
from scratch_d2.bundles.manifest import MANIFEST_FILE, Manifest
from scratch_d2.bundles.sessions import SUFFIXES
from scratch_d2.gate.preprocess import LETTERBOX
from scratch_d2.structures.thresholds import THRESHOLDS_FILE, Thresholds
from scratch_d2.utils.files import write_atomically
from scratch_d2.utils.version import __version__

# OpenVINO would compute in bfloat16 if the processor has it, and find other scratches.
FLOAT32 = '{"INFERENCE_PRECISION_HINT": "f32"}'
README_FILE = "README.md"
TEXT = """# An exported scratch detector

Written by scratch_d2 {version}. The models run without torch.

| file | content |
|---|---|
{files}
| `{thresholds_file}` | the thresholds of the verdict; may be edited |
| `{manifest_file}` | version, checksums, preprocessing, what the gate learnt |

## With scratch_d2

```
from scratch_d2 import Inspector

print(Inspector.load_bundle(".")("label.png").label)
```

    scratch-d2 predict --bundle . --input FOLDER --output results

## Without scratch_d2

The detector takes one image as uint8 [1, 3, H, W] RGB, resized by Pillow's bilinear filter. It
returns boxes [N, 4] in pixels of the resized image, scores [N], masks [N, S, S] of probabilities
inside the boxes, and `finite`, which is false if the network overflowed.

```python
import numpy as np
{imports}
from PIL import Image

{load_detector}
image = Image.open("label.png").convert("RGB")
scale = {scale}
size = [max(1, int(side * scale + 0.5)) for side in image.size]
pixels = np.asarray(image.resize(size, Image.Resampling.BILINEAR)).transpose(2, 0, 1)[None]
{run_detector}
print(boxes[scores >= {score:g}] / scale, scores[scores >= {score:g}])
```
"""
GATE_TEXT = """
The gate takes letterboxed images, uint8 [N, 3, H, {width}] RGB, and returns p(Bad) [N]
and features [N, C], by which scratch_d2 tells unfamiliar images. To
letterbox an image, {letterbox}.

Below {threshold:g} (`gate_threshold`) a label is Good and the detector need not look.
"""
ODDS_TEXT = """From there on it is Bad if the area of its scratches is at least {area:g} (`area`)
times (1 - p) / p, p being p(Bad) (`area_scaling`).
"""


def write_readme(folder: Path, manifest: Manifest, thresholds: Thresholds) -> Path:
    """Write README.md into the folder of a bundle."""
    onnx = manifest.kind == "onnx"
    suffix = SUFFIXES[manifest.kind]
    text = TEXT.format(
        version=__version__,
        files="\n".join(f"| `{name}` | {_describe(name)} |" for name in manifest.files),
        thresholds_file=THRESHOLDS_FILE,
        manifest_file=MANIFEST_FILE,
        imports="import onnxruntime" if onnx else "import openvino",
        load_detector=(
            f'detector = onnxruntime.InferenceSession("detector{suffix}")'
            if onnx
            else f'detector = openvino.Core().compile_model("detector{suffix}", "CPU", {FLOAT32})'
        ),
        run_detector="boxes, scores, masks, finite = "
        + ('detector.run(None, {"images": pixels})' if onnx else "detector([pixels]).values()"),
        scale=_scale(manifest),
        score=thresholds.score,
    )
    if manifest.gate is not None:
        text += GATE_TEXT.format(
            width=manifest.gate["preprocessing"]["image_size"],
            letterbox=LETTERBOX,
            threshold=thresholds.gate_threshold,
        )
    if thresholds.area_scaling == "odds":
        text += ODDS_TEXT.format(area=thresholds.area)
    return write_atomically(text, folder / README_FILE)


def _scale(manifest: Manifest) -> str:
    low, high = manifest.detector["min_size"], manifest.detector["max_size"]
    if low == 0:
        return "1.0"
    return f"min({low} / min(image.size), {high} / max(image.size))"


def _describe(name: str) -> str:
    if name == FAMILIARITY_FILE:
        return "what the gate's features of Good training images look like"
    what = "the gate" if name.startswith("gate") else "the detector"
    return f"weights of {what}" if name.endswith(".bin") else what
