"""Write a dataset folder of Good photographs and scratched copies of them, resumable."""

import hashlib
import json
import logging
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np

from scratch_d2.data.images import read_image
from scratch_d2.synthetic.dataset import RENDERING, check_arguments
from scratch_d2.synthetic.disk.files import encode_image, encode_mask, write_file
from scratch_d2.synthetic.disk.folder import ANNOTATIONS, open_folder, write_annotations
from scratch_d2.synthetic.disk.parallel import open_workers
from scratch_d2.synthetic.render import Spec
from scratch_d2.synthetic.transfer.paint import scratch_photograph
from scratch_d2.synthetic.transfer.photograph import read_photograph
from scratch_d2.synthetic.transfer.plan import Copy, find_photographs, plan_copies
from scratch_d2.synthetic.transfer.printed import NoPrintError
from scratch_d2.utils.progress import Progress

# Raise it whenever equal photographs and parameters no longer give equal scratches.
TRANSFER = 1
# Which scratched copies could not be made, and why; there is no such file if all could.
LEFT_OUT = "left_out.json"
Job = tuple[Copy, set[str]]  # a copy and those of its files that are missing
logger = logging.getLogger(__name__)


def _check_out(out: Path, good: str | Path) -> None:
    if out.resolve().is_relative_to(Path(good).resolve()):
        raise ValueError(
            f"out {str(out)!r} lies inside the folder of photographs {str(good)!r}; accepted is a "
            "folder outside it"
        )


def _check_print(photographs: list[Path]) -> None:
    """Raise ValueError if not one photograph shows print, before anything is written."""
    reason = ""
    for path in photographs:
        try:
            read_photograph(read_image(path))
            return
        except NoPrintError as error:
            reason = reason or f"{str(path)!r}: {error}"
    raise ValueError(f"none of {len(photographs)} photographs can be scratched; {reason}")


def _make(job: Job, out: Path, seed: int, brush: float) -> tuple[Copy, str]:
    """Write the missing files of a copy; returns it, and why it could not be made or ""."""
    copy, missing = job
    if not copy.bad:
        write_file(out / "good" / copy.name, copy.photograph.read_bytes())
        return copy, ""
    # From its name, so that its scratches do not depend on what else lies in the folder.
    digest = hashlib.sha256(copy.name.encode("utf-8")).digest()
    rng = np.random.default_rng([seed, 3, int.from_bytes(digest[:8], "big")])
    try:
        sample = scratch_photograph(rng, read_image(copy.photograph), brush)
    except NoPrintError as error:
        return copy, f"{copy.photograph.name}: {error}"
    meta = {"photograph": copy.photograph.name, **sample.meta}
    contents = encode_image(sample.image, meta), encode_mask(sample.mask, palette=False)
    for name, content in zip(copy.files(), contents, strict=True):
        if name in missing:
            write_file(out / name, content)
    return copy, ""


def _gather(
    made: Iterable[tuple[Copy, str]], todo: int, total: int, progress: bool
) -> dict[str, str]:
    """Wait for all copies; returns those that could not be made, and why."""
    failed = {}
    with Progress("scratching", total, done=total - todo, show=progress) as copied:
        for copy, reason in made:
            if reason:
                failed[copy.name] = reason
            copied.update()
    return failed


def _read_left_out(out: Path) -> dict[str, str]:
    try:
        return dict(json.loads((out / LEFT_OUT).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}  # there is none, or one that is not ours, which `open_folder` then refuses


def _without(copies: list[Copy], left_out: dict[str, str]) -> list[Copy]:
    return [copy for copy in copies if not copy.bad or copy.name not in left_out]


def _files(copies: list[Copy]) -> set[str]:
    return {name for copy in copies for name in copy.files()}


def _parameters(photographs: list[Path], count: int, seed: int, brush: float) -> dict:
    """What every pixel follows from, for the manifest."""
    return {
        "rendering": RENDERING,
        "transfer": TRANSFER,
        "count": count,
        "seed": seed,
        "brush": float(brush),
        # One entry each, so that a refusal names the photograph that is new or has changed.
        **{
            f"good/{path.name}": f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
            for path in photographs
        },
    }


def write_transfer(
    good: str | Path,
    out: str | Path,
    count: int | None = None,
    seed: int = 0,
    workers: int = 1,
    brush: float = Spec.brush,
    progress: bool = True,
) -> dict[str, int]:
    """Write a dataset folder of Good photographs and of scratched copies of them.

    Its files are those of `write_dataset`, the photographs byte for byte, and it resumes after a
    kill in the same way. All bytes follow from the photographs, `count`, `seed` and `brush`. What
    is unreadable is left out; what shows no print that can be scratched stays in good/ and has no
    copies. Both are logged by name with the reason, and the latter is kept in `left_out.json`.

    Args:
        good: a folder of photographs, or a dataset's folder with good/ in it.
        out: a folder outside it.
        count: number of scratched copies, dealt evenly; None is one of each photograph.
        seed: 0 or more.
        workers: processes.
        brush: radius of the brush that draws the masks, px if capitals are 80 px high.
        progress: whether to say how far it is, on standard error.

    Returns:
        The number of `good` and `bad` photographs in the folder, and of images and masks
        `written` now.

    Raises:
        ValueError: an argument is outside its range, or no photograph can be read or scratched.
        FileNotFoundError: there is no folder of photographs.
        FileExistsError: the output folder holds something else, or was made differently.
        OSError: a folder cannot be read or written.
    """
    check_arguments(1 if count is None else count, seed, workers)
    Spec(brush=brush)
    out = Path(out)
    _check_out(out, good)
    photographs, unreadable = find_photographs(good)
    _check_print(photographs)
    count = len(photographs) if count is None else count
    known = _read_left_out(out)
    copies = _without(plan_copies(photographs, count, seed), known)
    planned = _files(copies) | ({LEFT_OUT} if known else set())
    missing = open_folder(out, _parameters(photographs, count, seed, brush), planned)
    jobs = [(copy, files) for copy in copies if (files := missing.intersection(copy.files()))]
    make = partial(_make, out=out, seed=seed, brush=brush)
    with open_workers(min(workers, len(copies))) as parallel_map:
        failed = _gather(parallel_map(make, jobs), len(jobs), len(copies), progress)
        left_out, copies = known | failed, _without(copies, failed)
        if failed:
            write_file(out / LEFT_OUT, (json.dumps(left_out, indent=2) + "\n").encode("utf-8"))
        if not (out / ANNOTATIONS).exists():
            write_annotations(out, _files(copies), parallel_map, progress)
    for reason in dict.fromkeys([*unreadable.values(), *left_out.values()]):
        logger.warning("left out: %s", " ".join(reason.splitlines()))
    written = len(missing & _files(copies))
    return {"good": len(photographs), "bad": len(copies) - len(photographs), "written": written}
