"""YOLO: a text file for each image, with boxes or outlines in shares of the image."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from scratch_d2.data.catalog import CLASSES
from scratch_d2.data.images import ImageError, read_size
from scratch_d2.formats.files import decode_text, list_files, to_number
from scratch_d2.formats.polygons import outline
from scratch_d2.formats.values import LabelledImage, Labels, Problem, Shape
from scratch_d2.structures.masks import decode_rle
from scratch_d2.utils.folders import walk_images
from scratch_d2.utils.strict_yaml import parse_yaml

IMAGES, LABELS = "images", "labels"
YAML = (".yaml", ".yml")
NAMES = ("obj.names", "classes.txt", "classes.names", "_darknet.labels")
LISTS = re.compile(r"(train|val|valid|test|classes|readme.*|.*requirements.*)\.txt", re.IGNORECASE)
BOX = 5  # numbers of a line: class, x, y, width, height


def is_yolo(source: Path) -> bool:
    """Whether a folder has a list of YOLO's classes, or labels beside its images."""
    if source.is_file():
        return source.suffix in YAML
    named = any((source / name).is_file() for name in NAMES) or bool(_find_yaml(source))
    return named or next((source / LABELS).rglob("*.txt"), None) is not None


def read_yolo(source: Path) -> Labels:
    """Read a folder of YOLO, or that of a data.yaml: its images, and their labels.

    labels/train/a.txt belongs to images/train/a.png, and a.txt to a.png beside it. The paths in
    data.yaml are not looked at.
    """
    root = source.parent if source.is_file() else source
    try:
        names = _read_names(root, source)
    except ValueError as error:
        yield Problem(str(root), str(error))
        return
    used = set()
    for image in walk_images(root):
        labels = _labels_of(image, root)
        used.add(labels)
        yield _to_image(image, labels, root, names)
    folders = {file.parent for file in used}
    for file in list_files(root, ".txt"):
        if file not in used and file.parent in folders and not LISTS.fullmatch(file.name):
            yield Problem(str(file), "there is no image of this name")


def _find_yaml(folder: Path) -> Path | None:
    files = sorted(file for file in folder.iterdir() if file.suffix in YAML and file.is_file())
    return next((file for file in files if "names" in decode_text(file.read_bytes())), None)


def _read_names(root: Path, source: Path) -> dict[int, str]:
    """Return the names of the classes by number, {} if no file lists them."""
    file = source if source.is_file() else _find_yaml(root)
    if file is not None:
        try:
            content = parse_yaml(file.read_bytes())
        except yaml.YAMLError as error:
            raise ValueError(f"{file.name} is no YAML ({' '.join(str(error).split())})") from None
        names = content.get("names") if isinstance(content, Mapping) else None
        if isinstance(names, Mapping):
            return {int(key): str(name) for key, name in names.items() if str(key).isdecimal()}
        if isinstance(names, list):
            return dict(enumerate(map(str, names)))
        raise ValueError(f"{file.name} has no list of names")
    for name in NAMES:
        if (root / name).is_file():
            lines = decode_text((root / name).read_bytes()).splitlines()
            return dict(enumerate(line.strip() for line in lines))
    return {}


def _labels_of(image: Path, root: Path) -> Path:
    parts = list(image.relative_to(root).parent.parts)
    if IMAGES in parts:
        parts[len(parts) - 1 - parts[::-1].index(IMAGES)] = LABELS
        labels = root.joinpath(*parts, f"{image.stem}.txt")
        if labels.is_file() or labels.parent.is_dir():
            return labels
    return image.with_suffix(".txt")


def _to_image(
    image: Path, labels: Path, root: Path, names: Mapping[int, str]
) -> LabelledImage | Problem:
    shapes: tuple[Shape, ...] = ()
    if labels.is_file():
        try:
            lines = [line.split() for line in decode_text(labels.read_bytes()).splitlines()]
            size = read_size(image) if any(lines) else (1, 1)
        except (ImageError, OSError) as error:
            return Problem(str(labels), str(error))
        shapes = tuple(_to_shape(line, size, names) for line in lines if line)
    return LabelledImage(
        name=image.relative_to(root).as_posix(),
        where=str(labels),
        folder=root,
        shapes=shapes,
        file=image,
    )


def _to_shape(line: list[str], size: tuple[int, int], names: Mapping[int, str]) -> Shape:
    label, (width, height) = "", size
    try:
        number = to_number(line[0])
        if not number.is_integer():
            raise ValueError(f"the class {line[0]!r} is no whole number")
        label = names.get(int(number), f"class {int(number)}")
        values = [to_number(value) for value in line[1:]]
    except ValueError as error:
        return Shape(label, error=f"the line {' '.join(line)[:40]!r}: {error}")
    if len(line) == BOX:
        x, y, across, down = values
        x0, y0, x1, y1 = x - across / 2, y - down / 2, x + across / 2, y + down / 2
        return Shape(label, box=(x0 * width, y0 * height, x1 * width, y1 * height))
    if len(values) % 2:
        return Shape(label, error=f"a line of {len(line)} numbers; a box has {BOX}")
    scaled = [value * size[place % 2] for place, value in enumerate(values)]
    return Shape(label, polygons=(scaled,))


def write_yolo(images: Iterator[LabelledImage], folder: Path, as_rle: bool, by_model: bool) -> None:
    """Write labels/ beside images/, and data.yaml; an image without scratches has an empty file.

    Each polygon has a line of its own, also several of one scratch.
    """
    content = {"path": ".", "train": IMAGES, "val": IMAGES, "names": {0: CLASSES[0]}}
    (folder / "data.yaml").write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
    for image in images:
        lines = []
        for shape in image.shapes:
            for polygon in outline(decode_rle(shape.rle)) if shape.rle else []:
                size = image.size or (1, 1)
                shares = [value / size[place % 2] for place, value in enumerate(polygon)]
                lines.append(" ".join(["0", *(f"{share:.7f}" for share in shares)]) + "\n")
        path = (folder / LABELS / image.name).with_suffix(".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(lines), "utf-8")
