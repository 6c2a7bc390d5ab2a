"""Models of a config in a runtime: exported once into the cache, and loaded from there."""

import hashlib
import json
import os
import shutil
import sys
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock
from fvcore.common.config import CfgNode

import scratch_d2
from scratch_d2.bundles.export import write_bundle
from scratch_d2.bundles.loading import LoadedBundle, load_bundle
from scratch_d2.bundles.runtimes import TITLES
from scratch_d2.checkpoints.bundle import ModelBundle
from scratch_d2.config import flatten
from scratch_d2.engines.base import Detector
from scratch_d2.utils.files import cache_folder
from scratch_d2.utils.progress import say

FOLDER, LOCK = "exports", ".lock"
KEPT = 8  # exports; those that were not used for longest are removed
# Sources of this package that an export depends on, and keys that say nothing about the network.
SOURCES = ("bundles", "checkpoints", "engines", "gate")
GRAPH, ELSEWHERE = ("MODEL.", "INPUT.", "TEST."), ("MODEL.WEIGHTS", "MODEL.DEVICE")


def load_exported(
    cfg: CfgNode,
    models: ModelBundle,
    engine: str,
    detector: Detector,
    runtime: str,
    threads: int = 0,
) -> LoadedBundle:
    """Load the models of a config in a runtime; the first call for them exports them.

    Several processes may call this at the same time: one exports, the others wait. An export that
    was damaged is made again.

    Args:
        engine, detector: name of the engine in use and its exact detector, from which the exported
            one may not differ.
        runtime: "onnxruntime" or "openvino".
        threads: processors for one call of a model; 0 takes all.

    Raises OSError if the cache cannot be written, and what `write_bundle` and `load_bundle` raise.
    """
    folder = cache_folder() / FOLDER / _key(cfg, models, engine, runtime)

    def load() -> LoadedBundle:
        loaded = load_bundle(folder, runtime=runtime, threads=threads)
        with suppress(OSError):
            os.utime(folder)
        return loaded

    with suppress(OSError, ValueError):
        return load()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / LOCK):
        with suppress(OSError, ValueError):
            return load()
        shutil.rmtree(folder, ignore_errors=True)
        say(f"exporting the models for {TITLES[runtime]}, once for these weights", sys.stderr)
        write_bundle(cfg, models, folder, "onnx", runtime, detector)
        _remove_unused(folder.parent)
        return load()


def _key(cfg: CfgNode, models: ModelBundle, engine: str, runtime: str) -> str:
    """Return a hash of everything that an export and its comparison with torch depend on."""
    graph = {
        key: value
        for key, value in flatten(cfg).items()
        if key.startswith(GRAPH) and key not in ELSEWHERE
    }
    programs = {name: version(name) for name in ("torch", "onnx", runtime)}
    content = [models.hash_weights(), graph, engine, runtime, programs, _hash_sources()]
    return hashlib.sha256(json.dumps(content, default=str).encode()).hexdigest()[:24]


def _hash_sources() -> str:
    digest = hashlib.sha256()
    for name in SOURCES:
        for file in sorted((Path(scratch_d2.__file__).parent / name).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _remove_unused(exports: Path) -> None:
    """Remove the exports beyond the `KEPT` last used ones, and what a killed process left."""
    folders = [path for path in exports.iterdir() if path.is_dir()]
    left = [path for path in folders if path.name.startswith(".")]
    whole = sorted(set(folders) - set(left), key=lambda path: path.stat().st_mtime)
    for path in [*left, *whole[:-KEPT]]:
        shutil.rmtree(path, ignore_errors=True)
