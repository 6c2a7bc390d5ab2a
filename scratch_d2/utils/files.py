"""Files: output folders, and writing that leaves either the old file or the whole new one."""

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

from fvcore.common.config import CfgNode

PART = ".part"


def prepare_output_dir(folder: str | Path, cfg: CfgNode | None = None) -> Path:
    """Create a folder for results, prove it writable, and save the config in it.

    Raises OSError naming the folder if it cannot be written.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OSError(
            f"output folder {str(folder)!r} cannot be written: {error.strerror}"
        ) from None
    if cfg is not None:
        (folder / "config.yaml").write_text(cfg.dump(), encoding="utf-8")
    return folder


def file_stamp(state: os.stat_result) -> tuple[int, int, int, int]:
    """Return what changes when a file is written, replaced or made readable.

    That is size in bytes, time of modification in ns, inode, time of change in ns. Size and
    modification alone are kept by archives, copies and renaming.
    """
    return state.st_size, state.st_mtime_ns, state.st_ino, state.st_ctime_ns


def write_atomically(content: str | bytes, path: str | Path) -> Path:
    """Write a file that is either the old one or the whole new one, even if killed; text as UTF-8.

    What a killed process leaves behind is hidden: its name begins with a dot and ends in PART.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}{PART}")
    try:
        part.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        os.replace(part, path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return path


def save_atomically(content: Any, path: str | Path) -> Path:
    """`torch.save` that leaves either the old file or the whole new one, even if killed.

    Raises OSError naming the file if it cannot be written, as on a full disk.
    """
    import torch

    path = Path(path)
    part = path.with_name(f".{path.name}{PART}")
    try:
        torch.save(content, part)
        os.replace(part, path)
    except (OSError, RuntimeError) as error:
        part.unlink(missing_ok=True)
        raise OSError(f"checkpoint {str(path)!r} cannot be written: {error}") from None
    return path


def cache_folder() -> Path:
    """Return the folder for what can be computed again: $SCRATCH_D2_CACHE, or the usual place."""
    named = os.environ.get("SCRATCH_D2_CACHE")
    if named:
        return Path(named)
    # Without HOME and an entry in passwd, as in containers, "~" is left as it is.
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(tempfile.gettempdir() if base.startswith("~") else base) / "scratch_d2"


def file_sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes in hex."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
