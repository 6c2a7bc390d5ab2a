"""Measure the review page with many results: `python benchmarks/review.py --count 5000`.

Renders labels, repeats them under as many names, writes results for them, and starts
`scratch-d2 review`. Prints the seconds until the server answers, until headless Chromium shows the
first photograph, and from a key until the next photograph is on the screen.

`--screenshot FILE` instead inspects datasets/examples with the reference models, and saves a
picture of the page.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from scratch_d2.api import predict_folder
from scratch_d2.data import read_image
from scratch_d2.structures.areas import scratch_area
from scratch_d2.structures.masks import encode_rle
from scratch_d2.synthetic.dataset import write_dataset

CHROMIUM = "/usr/bin/chromium"
EXAMPLES = Path(__file__).parents[1] / "datasets" / "examples"
RENDERED = 50


def write_results(folder: Path, count: int) -> Path:
    """Write `count` rows of photographs, each with three scratches."""
    write_dataset(folder / "labels", RENDERED, seed=0)
    photographs = sorted((folder / "labels").glob("[gb]*/*.png"))
    rng, rows = np.random.default_rng(0), []
    for image_id in range(count):
        source = photographs[image_id % len(photographs)]
        link = folder / "photographs" / f"{image_id:06d}.png"
        link.parent.mkdir(exist_ok=True)
        os.link(source, link)
        rows.append(make_row(image_id, link, rng))
    results = folder / "results"
    results.mkdir()
    (results / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return results


def make_row(image_id: int, file: Path, rng: np.random.Generator) -> dict[str, Any]:
    height, width = read_image(file).shape[:2]
    instances = []
    for _ in range(3):
        mask = np.zeros((height, width), bool)
        top, left = int(rng.integers(height - 20)), int(rng.integers(width - 40))
        mask[top : top + 12, left : left + 30] = True
        area, score = scratch_area(mask), float(rng.random())
        box = [left, top, 30, 12]
        instance = {"bbox": box, "score": score, "area": area, "segmentation": encode_rle(mask)}
        instances.append(instance)
    values = {"p_bad": float(rng.random()), "area": float(rng.random() * 1000), "reason": "drawn"}
    size = {"width": width, "height": height}
    begin = {"image_id": image_id, "file": str(file), "status": "ok", "verdict": "bad"}
    return {**begin, **values, **size, "instances": instances}


@contextmanager
def reviewing(results: Path) -> Iterator[tuple[str, float]]:
    """Run `scratch-d2 review`; yields its address, and the seconds until it answered."""
    begin = time.perf_counter()
    command = [sys.executable, "-m", "scratch_d2", "review", str(results), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            lines = iter(process.stdout or [])
            address = next(filter(None, (re.search(r"http://\S+", line) for line in lines)))[0]
            yield address, time.perf_counter() - begin
        finally:
            process.terminate()
            process.communicate()


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def wait(page: Page, other_than: str | None = None) -> str:
    """Wait for a photograph on the screen; returns its image_id."""
    other = f':not([data-ready="{other_than}"])' if other_than is not None else ""
    return page.wait_for_selector(f"#stage[data-ready]{other}").get_attribute("data-ready") or ""


def measure(count: int, keys: int) -> None:
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        results = write_results(Path(folder), count)
        with reviewing(results) as (address, start):
            print(f"{count} results, {start:.2f} s until the server answers")
            for visit in ("first visit", "second visit"):
                page = browser.new_context().new_page()
                begin = time.perf_counter()
                page.goto(address)
                shown = wait(page)
                print(f"{visit}: {time.perf_counter() - begin:.2f} s to the first photograph")
            seconds = []
            for _ in range(keys):
                begin = time.perf_counter()
                page.keyboard.press("g")
                shown = wait(page, shown)
                seconds.append(time.perf_counter() - begin)
            print(
                f"key to next photograph: median {statistics.median(seconds) * 1000:.0f} ms, ",
                end="",
            )
            print(f"slowest of {keys} {max(seconds) * 1000:.0f} ms")


def take_screenshot(file: Path) -> None:
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        predict_folder(EXAMPLES, folder)
        with reviewing(Path(folder)) as (address, _):
            page = browser.new_context().new_page()
            page.set_viewport_size({"width": 1280, "height": 800})
            page.goto(address)
            shown = wait(page)
            for _ in range(4):
                page.keyboard.press("g")
                shown = wait(page, shown)
            while page.locator("#outlines li").count() < 2:
                page.keyboard.press("n")
                shown = wait(page, shown)
            page.keyboard.press("2")
            page.wait_for_selector(".scratch.struck", state="attached")
            page.screenshot(path=file)
    print(f"written: {file}, {file.stat().st_size} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5000, help="results (5000)")
    parser.add_argument("--keys", type=int, default=30, help="answers that are timed (30)")
    parser.add_argument("--screenshot", type=Path, metavar="FILE", help="only take a picture")
    args = parser.parse_args()
    if args.screenshot:
        take_screenshot(args.screenshot)
    else:
        measure(args.count, args.keys)


if __name__ == "__main__":
    main()
