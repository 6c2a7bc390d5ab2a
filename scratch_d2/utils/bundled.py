"""Files that come with the package: config files and the reference models."""

from pathlib import Path

# The models that are used if no config is named, and the recipe to train them further.
PRETRAINED = "reference/pretrained.yaml"


def find_config(name: str | Path) -> Path:
    """Return the path of a config file, looked for as given and then among the bundled ones.

    Raises FileNotFoundError naming the file and both places.
    """
    path, bundled = Path(name), bundled_configs()
    inside = path.relative_to("configs") if path.parts[:1] == ("configs",) else path
    for candidate in (path, bundled / inside):
        if candidate.is_file():
            return candidate
    raise FileNotFoundError(
        f"config file {str(name)!r} was found neither in {Path.cwd()} nor among the bundled "
        f"ones: {', '.join(sorted(str(p.relative_to(bundled)) for p in bundled.rglob('*.yaml')))}"
    )


def bundled_configs() -> Path:
    """Folder of the config files that come with the package, in a checkout or a wheel."""
    return _bundled("configs")


def bundled_weights() -> Path:
    """Folder of the reference models that come with the package, in a checkout or a wheel."""
    return _bundled("weights")


def reference_weights() -> list[str]:
    """KEY VALUE pairs that name the reference models, so that no other weights are taken."""
    folder = bundled_weights()
    detector, gate = str(folder / "detector.pth"), str(folder / "gate.pth")
    return ["MODEL.WEIGHTS", detector, "GATE.WEIGHTS", gate]


def _bundled(folder: str) -> Path:
    installed = Path(__file__).parents[1] / folder
    return installed if installed.is_dir() else installed.parents[1] / folder


def find_weights(name: str, config_file: Path) -> str:
    """Return the path of the weights that a config file names.

    A relative path is looked for in the working directory, then beside the config file, then, if
    it begins with weights/, among the reference models. "", an absolute path and an address such
    as detectron2://... are returned as they are.

    Raises FileNotFoundError naming the places.
    """
    path = Path(name)
    if not name or "://" in name or name.startswith("~") or path.is_absolute() or path.is_file():
        return name
    places = [config_file.absolute().parent / path]
    if path.parts[0] == "weights":
        places.append(bundled_weights().joinpath(*path.parts[1:]))
    for place in places:
        if place.is_file():
            return str(place)
    looked = ", ".join(map(str, [path.absolute(), *places]))
    raise FileNotFoundError(f"weights {name!r} of {config_file}: no such file; looked for {looked}")
