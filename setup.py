"""Installation; Detectron2 itself is not on the package index and stays optional."""

import os
import re
from pathlib import Path

from setuptools import find_namespace_packages, setup

here = Path(__file__).parent
version = re.search(
    r'__version__ = "(.+)"', (here / "scratch_d2/utils/version.py").read_text("utf-8")
)
configs = [file.relative_to(here).parent for file in (here / "configs").rglob("*.yaml")]
# Set to leave out the reference models, which an installation for bundles cannot read anyway.
WITHOUT_WEIGHTS = "SCRATCH_D2_WITHOUT_WEIGHTS"
weights = [] if os.environ.get(WITHOUT_WEIGHTS) else ["scratch_d2.weights"]
report = ["matplotlib>=3.7"]
review = ["starlette>=0.37", "uvicorn>=0.29"]
serve = [*review, "python-multipart>=0.0.13", "prometheus-client>=0.20"]
export = ["onnx>=1.15", "onnxruntime>=1.17"]
ray = ["ray>=2.9", "fsspec>=2023.1", "pyarrow>=14"]
openvino = ["openvino>=2024.1"]

setup(
    name="scratch_d2",
    version=version[1],
    description="Find scratches on printed text and judge labels Good or Bad, with Detectron2",
    long_description=(here / "README.md").read_text("utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=[
        *find_namespace_packages(include=["scratch_d2", "scratch_d2.*"]),
        *sorted({f"scratch_d2.{'.'.join(folder.parts)}" for folder in configs}),
        *weights,
    ],
    package_dir={"scratch_d2.configs": "configs", "scratch_d2.weights": "weights"},
    package_data={
        "": ["*.yaml", "*.html", "*.css", "*.js", "py.typed"],
        "scratch_d2.weights": ["*.pth", "*.json", "*.md"],
    },
    entry_points={"console_scripts": ["scratch-d2 = scratch_d2.cli.main:run_command"]},
    install_requires=[
        "torch>=2.1",
        "torchvision>=0.16",
        "timm>=1.0",
        "pycocotools>=2.0.7",
        "numpy>=1.24",
        "scikit-learn>=1.3",
        "scipy>=1.9",
        "scikit-image>=0.22",
        "ImageHash>=4.3",
        "pillow>=10.1",
        "simplejpeg>=1.7.1",
        "zlib-ng>=0.5",
        "fvcore>=0.1.5",
        "tensorboard>=2.12",
        "tabulate>=0.9",
        "tqdm>=4.64",
        "filelock>=3.12",
        "defusedxml>=0.7",
    ],
    extras_require={
        # One of the two; a machine that has either must not be given the other.
        "opencv": ["opencv-python>=4.7"],
        "headless": ["opencv-python-headless>=4.7"],
        "report": report,
        # To export models, and to run them, with one or the other.
        "export": export,
        "onnx": ["onnxruntime>=1.17"],
        "openvino": openvino,
        "review": review,
        "serve": serve,
        # A cluster, and photographs at addresses such as s3:// (which needs s3fs as well).
        "ray": ray,
        # The site: make docs.
        "docs": ["mkdocs>=1.6,<2", "mkdocs-material>=9.5,<10", "mkdocstrings[python]>=0.26,<2"],
        "dev": [
            *report,
            *export,
            *openvino,
            *serve,
            *ray,
            *("pytest>=7", "pytest-xdist>=3", "hypothesis>=6", "playwright>=1.40"),
            *("mini-racer>=0.12", "nbclient>=0.8", "nbformat>=5", "ipykernel>=6"),
            *("jsonschema>=4", "codespell>=2.3"),
            *("ruff>=0.4", "import-linter>=2", "mypy>=1.10", "types-PyYAML", "types-tqdm"),
        ],
    },
)
