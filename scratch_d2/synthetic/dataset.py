"""Render a dataset folder `good/ bad/ masks/`, in parallel and resumable."""

import math
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from scratch_d2.synthetic.disk.files import encode_image, encode_mask, write_file
from scratch_d2.synthetic.disk.folder import ANNOTATIONS, open_folder, write_annotations
from scratch_d2.synthetic.disk.parallel import open_workers
from scratch_d2.synthetic.labels.fonts import load_font
from scratch_d2.synthetic.plan import Burst, plan_bursts
from scratch_d2.synthetic.render import Spec, render_burst
from scratch_d2.utils.progress import Progress

# Raise it whenever equal parameters no longer give equal pixels: folders must not be mixed.
RENDERING = 5
Job = tuple[Burst, set[str]]  # a burst and those of its files that are missing


def check_arguments(count: int, seed: int, workers: int, bad_fraction: float = 0.0) -> None:
    """Raise ValueError for an argument outside its range, saying what it may be."""
    if count < 1:
        raise ValueError(f"count must be at least 1 image, but got {count}")
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, but got {seed}")
    if not (math.isfinite(bad_fraction) and 0 <= bad_fraction <= 1):
        raise ValueError(f"bad_fraction must be within 0..1, but got {bad_fraction}")
    if workers < 1:
        raise ValueError(f"workers must be at least 1 process, but got {workers}")


def _write_burst(job: Job, out: Path, seed: int, spec: Spec) -> int:
    """Render a burst and write those of its files that are missing; returns its images."""
    burst, missing = job
    rng = np.random.default_rng([seed, 1, burst.index])
    samples = render_burst(rng, replace(spec, bad=burst.bad), len(burst.names))
    for number, (name, sample) in enumerate(zip(burst.names, samples, strict=True)):
        image = f"{'bad' if burst.bad else 'good'}/{name}"
        if image in missing:
            write_file(out / image, encode_image(sample.image, sample.meta))
        mask = f"masks/{name}"
        if mask in missing:
            palette = (burst.first_bad + number) % 2 == 0
            write_file(out / mask, encode_mask(sample.mask, palette))
    return len(samples)


def _parameters(count: int, seed: int, bad_fraction: float, spec: Spec) -> dict:
    """What every pixel follows from, for the manifest."""
    return {
        "rendering": RENDERING,
        "count": count,
        "seed": seed,
        "bad_fraction": float(bad_fraction),
        "brush": float(spec.brush),
        "fonts": [f"{font.name} sha256:{font.sha256}" for font in spec.fonts],
        "damage": list(spec.damage),
    }


def write_dataset(
    out: str | Path,
    count: int,
    seed: int = 0,
    bad_fraction: float = 0.2,
    workers: int = 1,
    brush: float = Spec.brush,
    fonts: Iterable[str | Path] = (),
    damage: Iterable[str] = (),
    progress: bool = True,
) -> dict[str, int]:
    """Render a dataset folder: `good/`, `bad/`, `masks/`, `manifest.json`, `annotations.json`.

    The bytes of every file follow from the manifest's `parameters` and the libraries it names
    under `rendered_with`, whatever the number of workers and the x86-64 processor. A killed run
    resumes where it stopped if it is called again; finished files are left as they are. The
    COCO JSON comes last: if it is there, the dataset is complete.

    Args:
        count: number of photographs, Good and Bad together.
        seed: 0 or more.
        bad_fraction: share of Bad photographs, 0..1.
        workers: processes.
        brush: radius of the brush that draws the masks, px, see `Spec`.
        fonts: TrueType or OpenType files for the codes, instead of the drawn faces.
        damage: kinds of damage for the Bad labels, see `Spec`; empty means all.
        progress: whether to say how far it is, on standard error.

    Returns:
        The number of `good` and `bad` photographs in the folder, and of images and masks
        `written` now.

    Raises:
        ValueError: an argument is outside its range, or a font cannot be used.
        FileExistsError: the folder holds something else, or was rendered differently.
        OSError: a font cannot be read, or the folder cannot be written.
    """
    check_arguments(count, seed, workers, bad_fraction)
    spec = Spec(False, brush, tuple(load_font(path) for path in fonts), tuple(damage))
    out = Path(out)
    bursts = plan_bursts(count, seed, bad_fraction)
    planned = {name for burst in bursts for name in burst.files()}
    missing = open_folder(out, _parameters(count, seed, bad_fraction, spec), planned)
    jobs = [(burst, files) for burst in bursts if (files := missing.intersection(burst.files()))]
    write = partial(_write_burst, out=out, seed=seed, spec=spec)
    with open_workers(min(workers, len(bursts))) as parallel_map:
        done = count - sum(len(burst.names) for burst, _ in jobs)
        with Progress("rendering", count, done=done, show=progress) as rendered:
            for images in parallel_map(write, jobs):
                rendered.update(images)
        if not (out / ANNOTATIONS).exists():
            write_annotations(out, planned, parallel_map, progress)
    bad = sum(len(burst.names) for burst in bursts if burst.bad)
    return {"good": count - bad, "bad": bad, "written": len(missing)}
