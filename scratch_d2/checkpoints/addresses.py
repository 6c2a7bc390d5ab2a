"""Weights that a config names by an address, such as those of Detectron2's model zoo."""

from pathlib import Path

from scratch_d2.utils.installed import detectron2_installed

ZOO = "detectron2://"
ZOO_PAGES = "https://dl.fbaipublicfiles.com/detectron2/"


def local_file(name: str | Path) -> Path:
    """Return the path of a file of weights: the file itself, or what Detectron2 has downloaded.

    Args:
        name: a path, `~` included, or an address such as `detectron2://...` or `https://...`,
            which Detectron2's PathManager downloads once and keeps.

    Raises ValueError saying what to download for an address without Detectron2, OSError if the
    download fails.
    """
    address = str(name)
    if "://" not in address:
        return Path(address).expanduser()
    if not detectron2_installed():
        raise ValueError(f"weights {address!r} need Detectron2 to be fetched; {_by_hand(address)}")
    # This module makes the addresses of the model zoo known.
    import detectron2.checkpoint.catalog  # noqa: F401
    from detectron2.utils.file_io import PathManager

    try:
        return Path(PathManager.get_local_path(address))
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise OSError(
            f"weights {address!r} cannot be fetched ({reason}); {_by_hand(address)}"
        ) from None


def _by_hand(address: str) -> str:
    page = ZOO_PAGES + address.removeprefix(ZOO) if address.startswith(ZOO) else address
    return f"download {page} and name the file in place of the address"
