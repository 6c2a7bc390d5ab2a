import subprocess
import sys

import pytest

LIGHT = [
    "scratch_d2",
    "scratch_d2.config",
    "scratch_d2.data",
    "scratch_d2.data.coco",
    "scratch_d2.data.contact_sheet",
    "scratch_d2.data.statistics",
    "scratch_d2.synthetic.dataset",
    "scratch_d2.synthetic.transfer.dataset",
    "scratch_d2.formats.importing",
    "scratch_d2.formats.exporting",
    "scratch_d2.evaluation",
    "scratch_d2.calibration",
    "scratch_d2.report",
    "scratch_d2.evaluation.offline",
    "scratch_d2.inspection",
    "scratch_d2.inspection.predict",
    "scratch_d2.review.session",
    "scratch_d2.serving.judging",
    "scratch_d2.bundles.loading",
    "scratch_d2.engines",
    "scratch_d2.selection.run",
]


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    return done.stdout.strip() or done.stderr.strip()


def test_nothing_heavy_is_imported_outside_the_engines():
    imports = "; ".join(f"import {name}" for name in LIGHT)
    heavy = "{'torch', 'torchvision', 'timm', 'detectron2', 'matplotlib'} & set(sys.modules)"
    assert run_python(f"import sys; {imports}; print({heavy})") == "set()"


@pytest.mark.parametrize(
    ("cause", "advice"),
    [
        ("No module named 'cv2'", "pip install opencv-python"),
        ("libGL.so.1: cannot open shared object file", "opencv-python-headless"),
    ],
)
def test_a_broken_opencv_gives_a_sentence(cause, advice):
    code = f"""
import sys
class Broken:
    def find_spec(self, name, path=None, target=None):
        if name == "cv2":
            raise ImportError({cause!r})
sys.meta_path.insert(0, Broken())
try:
    import scratch_d2.utils.opencv
except ImportError as error:
    print(error)
"""
    said = run_python(code)
    assert advice in said and cause in said and "Traceback" not in said


def test_the_engine_d2_says_what_it_needs(monkeypatch):
    import scratch_d2.engines as engines

    monkeypatch.setattr(engines, "detectron2_installed", lambda: False)
    assert engines.get_engine("auto").name == "embedded"
    with pytest.raises(ImportError, match="INSTALL.md"):
        engines.get_engine("d2")
    with pytest.raises(ValueError, match="engine 'd3' is unknown; accepted are auto, d2, embedded"):
        engines.get_engine("d3")
