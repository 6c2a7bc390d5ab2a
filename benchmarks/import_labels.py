"""Measure an import: `python benchmarks/import_labels.py [--format coco]`.

Draws 10,000 small photographs with 50,000 polygons into a temporary folder, writes their labels,
and imports them with `scratch-d2 import` in a process of its own. Prints its seconds, those of the
processor, and its peak memory.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np

from scratch_d2.utils.opencv import cv2

WIDTH, HEIGHT, CORNERS = 300, 140, 12
CODE = """
import resource, sys
from scratch_d2.cli.import_labels import main
code = main(sys.argv[1:])
usage = resource.getrusage(resource.RUSAGE_SELF)
print(f"{usage.ru_utime + usage.ru_stime:.1f} s of one processor, peak memory "
      f"{usage.ru_maxrss / 1024:.0f} MB")
sys.exit(code)
"""


def draw_images(folder: Path, count: int) -> list[str]:
    """Write photographs that differ by a shift; returns their names."""
    folder.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(60, 250, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    names = [f"{number:06d}.png" for number in range(count)]
    for number, name in enumerate(names):
        cv2.imwrite(str(folder / name), np.roll(pixels, number, axis=1))
    return names


def draw_polygons(count: int) -> np.ndarray:
    """Return outlines [count, CORNERS, 2] in px of patches 6 to 40 px wide."""
    rng = np.random.default_rng(1)
    angles = 2 * np.pi * np.arange(CORNERS) / CORNERS
    circles = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    radii = rng.uniform(3, 20, (count, 1, 1)) * rng.uniform(0.7, 1.3, (count, CORNERS, 1))
    return rng.uniform((20, 20), (WIDTH - 20, HEIGHT - 20), (count, 1, 2)) + radii * circles


def write_coco(root: Path, names: list[str], polygons: np.ndarray) -> None:
    size = {"width": WIDTH, "height": HEIGHT}
    images = [{"id": i, "file_name": name, **size} for i, name in enumerate(names)]
    annotations = [
        {
            "id": number,
            "image_id": number % len(names),
            "category_id": 1,
            "segmentation": [polygon.round(2).ravel().tolist()],
        }
        for number, polygon in enumerate(polygons)
    ]
    content = {"images": images, "annotations": annotations}
    content["categories"] = [{"id": 1, "name": "scratch"}]
    (root / "annotations.json").write_text(json.dumps(content), "utf-8")


def write_cvat(root: Path, names: list[str], polygons: np.ndarray) -> None:
    lines = ["<annotations>"]
    for number, name in enumerate(names):
        lines.append(
            f'<image id="{number}" name={quoteattr(name)} width="{WIDTH}" height="{HEIGHT}">'
        )
        for polygon in polygons[number :: len(names)]:
            points = ";".join(f"{x:.2f},{y:.2f}" for x, y in polygon)
            lines.append(f'<polygon label="scratch" points="{points}"></polygon>')
        lines.append("</image>")
    (root / "annotations.xml").write_text("\n".join([*lines, "</annotations>"]), "utf-8")


def write_labelme(root: Path, names: list[str], polygons: np.ndarray) -> None:
    for number, name in enumerate(names):
        shapes = [
            {"label": "scratch", "points": polygon.round(2).tolist(), "shape_type": "polygon"}
            for polygon in polygons[number :: len(names)]
        ]
        size = {"imageWidth": WIDTH, "imageHeight": HEIGHT}
        content = {"shapes": shapes, "imagePath": f"../images/{name}", **size}
        path = root / "labels" / f"{Path(name).stem}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content), "utf-8")


WRITERS = {"coco": write_coco, "cvat": write_cvat, "labelme": write_labelme}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--format", choices=WRITERS, nargs="+", default=list(WRITERS))
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--polygons", type=int, default=50_000)
    args = parser.parse_args()
    for name in args.format:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder, "set")
            WRITERS[name](
                root, draw_images(root / "images", args.images), draw_polygons(args.polygons)
            )
            begin = time.perf_counter()
            command = [sys.executable, "-c", CODE, str(root), "--out", str(Path(folder, "out"))]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            seconds = time.perf_counter() - begin
            print(done.stdout, end="")
            print(f"{name}: {args.images} images, {args.polygons} polygons, {seconds:.1f} s\n")


if __name__ == "__main__":
    main()
