"""Commands in a process of their own that cannot import what an installation for bundles lacks."""

import os
import subprocess
import sys

from tests.commands import ROOT

# What an installation for bundles alone leaves out, and matplotlib, which only reports need.
LEFT_OUT = (
    "torch",
    "torchvision",
    "timm",
    "detectron2",
    "scipy",
    "sklearn",
    "skimage",
    "imagehash",
    "matplotlib",
    "tensorboard",
    "onnx",
)
CODE = """
import sys
for name in {left_out}:
    sys.modules[name] = None  # an import would fail
from scratch_d2.cli.common import run
from scratch_d2.cli.main import load_command
run(lambda: load_command({command!r})({arguments}))
"""


def start(command: str, *arguments: object) -> subprocess.Popen[str]:
    """Start `scratch-d2 COMMAND`; its output is read from pipes."""
    code = CODE.format(left_out=LEFT_OUT, command=command, arguments=list(map(str, arguments)))
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
