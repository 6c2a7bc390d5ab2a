#!/usr/bin/env python3
"""Take the pictures of the report, the review page and rendered labels. Needs Chromium.

python docs/making/screenshots.py
"""

import shutil
import subprocess
import sys
from pathlib import Path
from shutil import which

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "docs/pictures"
# Relative to the root, so that no picture shows a folder of the machine.
WORK = Path("runs/pictures")
MODELS = ("MODEL.WEIGHTS", "weights/detector.pth", "GATE.WEIGHTS", "weights/gate.pth")
ARGUMENTS = ["--no-sandbox", "--disable-gpu"]
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
COLOURS = 128


def main() -> None:
    shutil.rmtree(ROOT / WORK, ignore_errors=True)
    labels, evaluation = WORK / "labels", WORK / "evaluation"
    command("render", "--out", labels, "--count", 200, "--bad-fraction", 0.25, "--seed", 97)
    command("evaluate", "--dataset", labels, "--output", evaluation, *MODELS)
    photograph_page(evaluation / "inference/report.html", PICTURES / "report.png")
    command("browse", "--datasets", labels, "--output", WORK / "sheets", "--count", 16)
    shutil.copy(ROOT / WORK / "sheets/sheet_0001.png", PICTURES / "synthetic.png")
    shrink(PICTURES / "synthetic.png", 900)
    run(sys.executable, "benchmarks/review.py", "--screenshot", PICTURES / "review.png")
    shrink(PICTURES / "review.png")


def command(*words: object) -> None:
    run(sys.executable, "-m", "scratch_d2", *words)


def run(*words: object) -> None:
    subprocess.run(list(map(str, words)), cwd=ROOT, check=True)


def photograph_page(file: Path, target: Path) -> None:
    """Save the upper part of a page as a browser shows it at 1280 px."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto((ROOT / file).as_uri())
        page.wait_for_timeout(1000)
        page.screenshot(path=target)
        browser.close()
    shrink(target)


def find_chromium() -> str:
    found = next(filter(None, map(which, CHROMIUM)), None)
    if found is None:
        raise FileNotFoundError(f"none of {', '.join(CHROMIUM)} is installed")
    return found


def shrink(file: Path, width: int = 1280) -> None:
    """Store a picture at most so wide and with a palette, which keeps it small."""
    picture = Image.open(file).convert("RGB")
    if picture.width > width:
        height = round(picture.height * width / picture.width)
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
    print(f"{file.relative_to(ROOT)}: {file.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
