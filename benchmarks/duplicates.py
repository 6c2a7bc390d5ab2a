"""Measure near-duplicates of rendered labels: `python benchmarks/duplicates.py --root FOLDER`.

Renders labels in bursts into a temporary folder, unless --root names a set that is there already,
and hashes them as a scan does. Prints, for several distances of perceptual hashes,

- how many pairs within a burst and between bursts, so of different labels, are that near, how
  many bursts would be joined and how large a group becomes;
- in how many photographs of a sample a changed copy is that near;

and the time that comparing 5,180 and 100,000 hashes takes.
"""

import argparse
import io
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from scratch_d2.data import read_image, scan_folder
from scratch_d2.data.duplicates import cluster_duplicates, perceptual_hash
from scratch_d2.data.groups import find_groups
from scratch_d2.data.records import Record
from scratch_d2.synthetic.dataset import write_dataset
from scratch_d2.utils.tables import format_table

DISTANCES = (8, 10, 12, 14, 16, 20, 24, 28, 32)
SAMPLE = 300
BLOCK = 2000
Change = Callable[[Image.Image], Image.Image]


def encode_as_jpeg(image: Image.Image, quality: int = 60) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def shift(image: Image.Image, pixels: int) -> Image.Image:
    """Move an image right and down; its border is repeated."""
    padded = np.pad(np.asarray(image), ((pixels, 0), (pixels, 0), (0, 0)), mode="edge")
    return Image.fromarray(padded[: image.height, : image.width])


def add_noise(image: Image.Image) -> Image.Image:
    noise = np.random.default_rng(0).normal(0, 6, (image.height, image.width, 1))
    return Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))


def crop(image: Image.Image, share: float) -> Image.Image:
    x, y = share * image.width, share * image.height
    return image.crop((round(x), round(y), round(image.width - x), round(image.height - y)))


def rotate(image: Image.Image, degrees: float) -> Image.Image:
    return image.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=(255, 255, 255))


CHANGES: dict[str, Change] = {
    "JPEG of quality 60": encode_as_jpeg,
    "half the size": lambda image: image.resize((image.width // 2, image.height // 2)),
    "noise, sigma 6": add_noise,
    "brightness -15%": lambda image: image.point(lambda value: 0.85 * value),
    "brightness +15%": lambda image: image.point(lambda value: 1.15 * value),
    "moved by 1 px": lambda image: shift(image, 1),
    "moved by 2 px": lambda image: shift(image, 2),
    "cropped by 2%": lambda image: crop(image, 0.02),
    "turned by 1 degree": lambda image: rotate(image, 1),
}


def count_pairs(hashes: list[str], bursts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how many pairs differ in 0, 1, 2 ... bits, within a burst and between bursts."""
    bits = np.unpackbits(np.array([list(bytes.fromhex(h)) for h in hashes], np.uint8), axis=1)
    signs, length = bits.astype(np.float32) * 2 - 1, bits.shape[1]
    within, between = np.zeros((2, length + 1), int)
    for start in range(0, len(signs), BLOCK):
        block = signs[start : start + BLOCK]
        distances = ((length - block @ signs[start:].T) / 2).astype(int)
        later = np.triu(np.ones(distances.shape, bool), 1)
        same = bursts[start : start + BLOCK, None] == bursts[None, start:]
        within += np.bincount(distances[later & same], minlength=length + 1)
        between += np.bincount(distances[later & ~same], minlength=length + 1)
    return within, between


def print_pairs(records: list[Record]) -> None:
    paths, hashes = [r.image for r in records], [r.phash for r in records]
    alone = find_groups(paths, hashes, distance=-1)
    _, bursts = np.unique([alone[path] for path in paths], return_inverse=True)
    within, between = (np.cumsum(counts) for counts in count_pairs(hashes, bursts))
    print(f"{len(paths):,} photographs, {bursts.max() + 1:,} bursts")
    print(f"{within[-1]:,} pairs within a burst, {between[-1]:,} of different labels\n")
    rows = []
    for distance in DISTANCES:
        sizes = Counter(find_groups(paths, hashes, distance=distance).values())
        joined = bursts.max() + 1 - len(sizes)
        share = 100 * within[distance] / within[-1]
        counts = [f"{count:,}" for count in (between[distance], joined, max(sizes.values()))]
        rows.append([distance, f"{share:.1f}%", *counts])
    headers = ["bits", "pairs within", "different labels", "bursts joined", "largest group"]
    print(format_table(rows, headers, markdown=True))


def print_changes(records: list[Record]) -> None:
    chosen = np.random.default_rng(0).permutation(len(records))[:SAMPLE]
    images = [read_image(records[index].image) for index in chosen]
    rows = []
    for name, change in CHANGES.items():
        distances = []
        for image in images:
            changed = perceptual_hash(np.asarray(change(Image.fromarray(image))))
            distances.append((int(changed, 16) ^ int(perceptual_hash(image), 16)).bit_count())
        shares = [100 * np.mean(np.array(distances) <= distance) for distance in DISTANCES]
        rows.append([name, *(f"{share:.0f}%" for share in shares)])
    headers = [f"copies found of {len(images)}, by bits", *map(str, DISTANCES)]
    print("\n" + format_table(rows, headers, markdown=True))


def print_times() -> None:
    print()
    rng = np.random.default_rng(0)
    for count in (5180, 100_000):
        hashes = [rng.bytes(32).hex() for _ in range(count)]
        start = time.perf_counter()
        cluster_duplicates(hashes)
        print(f"comparing {count:,} hashes: {time.perf_counter() - start:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description="measure near-duplicates of rendered labels")
    parser.add_argument("--root", type=Path, help="rendered set with good/ and bad/")
    parser.add_argument("--count", type=int, default=2000, help="labels to render without --root")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if args.root is None:
            write_dataset(Path(folder), args.count, bad_fraction=0.5, workers=2, progress=False)
        records, _ = scan_folder(args.root or folder)
        print_pairs(records)
        print_changes(records)
    print_times()


if __name__ == "__main__":
    main()
