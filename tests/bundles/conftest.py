"""A gate and a detector with random weights, exported once for all tests of bundles."""

from pathlib import Path

import numpy as np
import pytest
import torch

from scratch_d2.config import load_config
from scratch_d2.engines.embedded import MaskRCNN
from tests.builders import draw_label, save
from tests.commands import TINY, Done, run_command
from tests.engines.parity import fill
from tests.gate.gates import save_gate

RULE = (
    *("SCRATCH.SCORE_THRESHOLD", "0.3", "GATE.THRESHOLD", "0.0"),
    *("SCRATCH.AREA_THRESHOLD", "50.0", "SCRATCH.AREA_UNIT", "pixel"),
)


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints, twelve labels of four sizes, and the bundles onnx/ and openvino/."""
    for name in ("onnx", "onnxruntime", "openvino"):
        pytest.importorskip(name, reason="needs pip install 'scratch_d2[export,openvino]'")
    folder = tmp_path_factory.mktemp("bundles")
    torch.save({"model": fill(MaskRCNN(load_config(TINY)))}, folder / "detector.pth")
    save_gate(folder / "gate.pth")
    rng = np.random.default_rng(0)
    for index in range(12):
        label = draw_label(rng, 48 + 30 * (index % 4), 96 - 16 * (index % 3))
        save(label, folder / "in" / f"{index:02d}.png")
    for kind in ("onnx", "openvino"):
        done = export(folder, "--to", kind, "--output", folder / kind)
        assert done.returncode == 0, done.stderr
        (folder / f"{kind}.txt").write_text(done.stdout)
    return folder


def export(work: Path, *options: object) -> Done:
    """Export the models of `work`."""
    keys = ("MODEL.WEIGHTS", work / "detector.pth", "GATE.WEIGHTS", work / "gate.pth")
    return run_command("export", "--config-file", TINY, *options, *keys, *RULE)
