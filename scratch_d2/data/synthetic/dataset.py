"""Write rendered photographs as a dataset folder `good/ bad/ masks/`, in parallel and resumable."""

import io
import json
import math
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from scratch_d2 import __version__
from scratch_d2.data.synthetic.plan import Burst, plan_bursts
from scratch_d2.data.synthetic.render import Spec, render_burst
from scratch_d2.opencv import cv2

FOLDERS = ("good", "bad", "masks")
MANIFEST = "manifest.json"
# Raise it whenever equal parameters no longer give equal pixels: folders must not be mixed.
RENDERING = 1
_TEMPORARY = ".part-"


def _check_arguments(count: int, seed: int, bad_fraction: float, workers: int) -> None:
    if count < 1:
        raise ValueError(f"count must be at least 1 image, but got {count}")
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, but got {seed}")
    if not (math.isfinite(bad_fraction) and 0 <= bad_fraction <= 1):
        raise ValueError(f"bad_fraction must be within 0..1, but got {bad_fraction}")
    if workers < 1:
        raise ValueError(f"workers must be at least 1 process, but got {workers}")


def _write_atomically(path: Path, content: bytes) -> None:
    temporary = path.with_name(f"{_TEMPORARY}{os.getpid()}-{path.name}")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _image_bytes(image: np.ndarray) -> bytes:
    ok, packed = cv2.imencode(".png", image[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 3])
    if not ok:
        raise RuntimeError("OpenCV could not encode a PNG file")
    return packed.tobytes()


def _mask_bytes(mask: np.ndarray, palette: bool) -> bytes:
    """Encode a mask as annotation tools do: palette indices 0 and 1, or grey levels 0 and 255."""
    image = Image.fromarray(mask.astype(np.uint8) * (1 if palette else 255))
    if palette:
        image.putpalette([0, 0, 0, 128, 0, 0])
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def _write_burst(burst: Burst, out: Path, seed: int, brush: float) -> int:
    """Render a burst and write those of its files that are missing; returns how many."""
    rng = np.random.default_rng([seed, 1, burst.index])
    samples = render_burst(rng, Spec(bad=burst.bad, brush=brush), len(burst.names))
    written = 0
    for number, (name, sample) in enumerate(zip(burst.names, samples, strict=True)):
        contents = {out / ("bad" if burst.bad else "good") / name: _image_bytes(sample.image)}
        if burst.bad:
            palette = (burst.first_bad + number) % 2 == 0
            contents[out / "masks" / name] = _mask_bytes(sample.mask, palette)
        for path, content in contents.items():
            if not path.exists():
                _write_atomically(path, content)
                written += 1
    return written


def _check_manifest(out: Path, wanted: dict) -> None:
    """Refuse a folder that another call, or something else, has filled."""
    path = out / MANIFEST
    if not path.is_file():
        found = sorted(entry.name for entry in out.iterdir())
        raise FileExistsError(
            f"out {str(out)!r} holds {found[0]!r} but no {MANIFEST}; accepted are a new or empty "
            "folder, or one that this generator began"
        )
    try:
        parameters = json.loads(path.read_text(encoding="utf-8"))["parameters"]
        differing = [key for key in wanted if parameters.get(key) != wanted[key]]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise FileExistsError(f"{str(path)!r} is not a manifest of this generator") from None
    if differing:
        key = differing[0]
        raise FileExistsError(
            f"out {str(out)!r} was rendered with {key} = {parameters.get(key)!r}, not "
            f"{wanted[key]!r}; accepted are the same parameters, or another folder"
        )


def _check_content(out: Path, planned: set[str]) -> None:
    """Refuse visible files that are not planned, and remove what a killed run left half done."""
    for path in sorted(out.rglob("*")):
        if path.name.startswith(_TEMPORARY):
            path.unlink(missing_ok=True)
            continue
        name = path.relative_to(out).as_posix()
        if not path.name.startswith(".") and name not in planned:
            raise FileExistsError(
                f"out {str(out)!r} holds {name!r}, which is not part of this dataset; accepted "
                "are a new or empty folder, or one that this generator began"
            )


def _open_folder(out: Path, parameters: dict, planned: set[str]) -> None:
    """Make the dataset's folder, or check that it belongs to an earlier run of the same call."""
    if out.is_dir() and any(not entry.name.startswith(".") for entry in out.iterdir()):
        _check_manifest(out, parameters)
        _check_content(out, planned | {MANIFEST, *FOLDERS})
    try:
        for folder in FOLDERS:
            (out / folder).mkdir(parents=True, exist_ok=True)
        if not (out / MANIFEST).exists():
            manifest = {"scratch_d2": __version__, "parameters": parameters}
            text = json.dumps(manifest, indent=2) + "\n"
            _write_atomically(out / MANIFEST, text.encode("utf-8"))
    except OSError as error:
        raise OSError(
            f"out {str(out)!r} cannot be written ({error.strerror}); a folder with write "
            "permission is accepted"
        ) from None


def _leave_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def _start_worker() -> None:
    # Every process would otherwise start a thread per core for pictures too small to share.
    cv2.setNumThreads(1)
    # Workers of a killed process would otherwise wait for its next task for ever.
    sentinel = multiprocessing.parent_process().sentinel
    threading.Thread(target=_leave_with, args=(sentinel,), daemon=True).start()


def _run(write: Callable[[Burst], int], todo: list[Burst], workers: int) -> Iterator[int]:
    if workers == 1 or len(todo) < 2:
        yield from map(write, todo)
        return
    # Forking a process whose OpenCV or torch already runs threads can hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_start_worker) as pool:
        try:
            yield from pool.map(write, todo, chunksize=4)
        finally:
            pool.shutdown(cancel_futures=True)


def write_dataset(
    out: str | Path,
    count: int,
    seed: int = 0,
    bad_fraction: float = 0.2,
    workers: int = 1,
    brush: float = Spec.brush,
    progress: bool = True,
) -> dict[str, int]:
    """Render a dataset folder with `good/`, `bad/`, `masks/` and `manifest.json`.

    The bytes of every file follow from `count`, `seed`, `bad_fraction` and `brush` alone. A killed
    run goes on where it stopped when it is called again; finished files are left as they are.

    Args:
        count: number of photographs, Good and Bad together.
        seed: 0 or more.
        bad_fraction: share of Bad photographs, 0..1.
        workers: processes.
        brush: radius of the brush that draws the masks, px, see `Spec`.
        progress: whether to show a progress bar.

    Returns:
        The number of `good` and `bad` photographs in the folder, and of files `written` now.

    Raises:
        ValueError: an argument is outside its range.
        FileExistsError: the folder holds something else, or was rendered differently.
        OSError: the folder cannot be written.
    """
    _check_arguments(count, seed, bad_fraction, workers)
    Spec(brush=brush)
    out = Path(out)
    bursts = plan_bursts(count, seed, bad_fraction)
    parameters = {
        "rendering": RENDERING,
        "count": count,
        "seed": seed,
        "bad_fraction": float(bad_fraction),
        "brush": float(brush),
    }
    _open_folder(out, parameters, {name for burst in bursts for name in burst.files()})
    todo = [b for b in bursts if not all((out / name).exists() for name in b.files())]
    write = partial(_write_burst, out=out, seed=seed, brush=brush)
    written = 0
    with tqdm(
        total=count, unit="image", disable=None if progress else True, desc="rendering"
    ) as bar:
        bar.update(count - sum(len(burst.names) for burst in todo))
        for burst, files in zip(todo, _run(write, todo, workers), strict=True):
            written += files
            bar.update(len(burst.names))
    bad = sum(len(burst.names) for burst in bursts if burst.bad)
    return {"good": count - bad, "bad": bad, "written": written}
