"""MVTec AD: folders train/good, test/good, test/<defect>, and masks in ground_truth/<defect>."""

from collections.abc import Iterator
from pathlib import Path

from scratch_d2.data.images import ImageError
from scratch_d2.data.mask_files import read_mask
from scratch_d2.formats.values import LabelledImage, Labels, Shape
from scratch_d2.structures.masks import encode_rle
from scratch_d2.utils.folders import walk_images

TRAIN, TEST, MASKS, MASK_END = "train", "test", "ground_truth", "_mask"


def is_mvtec(source: Path) -> bool:
    """Whether a folder, or a subfolder of it, is laid out as MVTec AD."""
    return source.is_dir() and next(_find_products(source), None) is not None


def _find_products(source: Path) -> Iterator[Path]:
    subfolders = sorted(path for path in source.iterdir() if path.is_dir())
    for folder in (source, *subfolders):
        if (folder / TEST).is_dir() and (
            (folder / MASKS).is_dir() or (folder / TRAIN / "good").is_dir()
        ):
            yield folder


def read_mvtec(source: Path) -> Labels:
    """Read the folder of one product, or of several. The folder of an image is its class."""
    for product in _find_products(source):
        for part in (TRAIN, TEST):
            if (product / part).is_dir():
                for image in walk_images(product / part):
                    yield _to_image(image, product / part, product, source)


def _to_image(image: Path, part: Path, product: Path, source: Path) -> LabelledImage:
    inside = image.relative_to(part)
    label = inside.parts[0] if len(inside.parts) > 1 else ""
    folder = product / MASKS / inside.parent
    masks = [folder / f"{image.stem}{end}.png" for end in (MASK_END, "")]
    mask = next((path for path in masks if path.is_file()), None)
    shapes = () if mask is None else (_to_shape(label, mask),)
    return LabelledImage(
        name=image.relative_to(source).as_posix(),
        where=str(image.parent),
        folder=source,
        shapes=shapes,
        tags=(label,) if label else (),
        file=image,
    )


def _to_shape(label: str, path: Path) -> Shape:
    try:
        return Shape(label, rle=encode_rle(read_mask(path)))
    except (ImageError, OSError) as error:
        return Shape(label, error=str(error))
