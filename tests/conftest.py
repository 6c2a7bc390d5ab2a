"""Shared fixtures: a cache, a small dataset, a tiny config, a browser; the rule of the marker."""

import shutil
from pathlib import Path

import hypothesis
import pytest
import torch
from fvcore.common.config import CfgNode

from scratch_d2.config import load_config
from scratch_d2.data import register_scratch_dataset
from scratch_d2.utils.installed import detectron2_installed
from tests.builders import write_dataset

CHROMIUM_ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
TINY = "quick_schedules/tiny_mask_rcnn_R_50_FPN.yaml"

# The same few examples on every run; --hypothesis-profile=ci draws more, new ones each time.
hypothesis.settings.register_profile("quick", max_examples=25, derandomize=True, deadline=None)
hypothesis.settings.register_profile("ci", max_examples=100, deadline=None)
hypothesis.settings.load_profile("quick")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not detectron2_installed():
        reason = "Detectron2 is not installed in this Python"
        for item in items:
            if item.get_closest_marker("detectron2"):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Threads cost more than they give on networks a few channels wide."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Exported models of all tests, so that no models are exported twice."""
    return tmp_path_factory.mktemp("exports")


@pytest.fixture(autouse=True)
def private_cache(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, exports: Path
) -> Path:
    """Keep the cache of scans out of the home folder."""
    folder = tmp_path_factory.mktemp("cache")
    (folder / "exports").symlink_to(exports)
    monkeypatch.setenv("SCRATCH_D2_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 6 Good and 4 Bad labels with masks, registered as tests_labels."""
    root = write_dataset(tmp_path_factory.mktemp("labels"), good=6, bad=4)
    register_scratch_dataset("tests_labels", root, replace=True)
    return root


@pytest.fixture
def tiny_cfg(labels: Path, tmp_path: Path) -> CfgNode:
    """The smallest model, on the labels, writing into a temporary folder."""
    names = "('tests_labels',)"
    opts = ["DATASETS.TRAIN", names, "DATASETS.TEST", names, "OUTPUT_DIR", str(tmp_path / "run")]
    return load_config(TINY, opts)


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium, for all tests that look at a page."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is missing, run `pip install playwright`"
    )
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        pytest.skip(f"none of the browsers {', '.join(names)} is installed")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=program, args=CHROMIUM_ARGS)
        yield chromium
        chromium.close()
