"""Export labels to other programs, so that a person corrects instead of drawing."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from scratch_d2.data.images import ImageError, read_size
from scratch_d2.formats.table import WRITERS
from scratch_d2.formats.tree import link_or_copy, prepare_empty
from scratch_d2.formats.values import LabelledImage, Labels, Problem
from scratch_d2.structures.labels import GOOD
from scratch_d2.utils.progress import track

MASKS = ("polygon", "rle")


@dataclass
class ExportReport:
    """What an export wrote: images, marked regions, and sentences on what was left out."""

    images: int = 0
    scratches: int = 0
    left_out: list[str] = field(default_factory=list)


def export_labels(
    labels: Labels, out: str | Path, format: str, masks: str = "polygon", by_model: bool = False
) -> ExportReport:
    """Write labelled images into a folder, as another program opens them.

    Images are hard links if the disk allows it, else copies.

    Args:
        labels: as `scratch_d2.formats.sources` yields them.
        out: folder to write, new or empty.
        format: one of `scratch_d2.formats.table.WRITERS`.
        masks: "polygon" for outlines with few corners, within half a pixel; "rle" for exact masks.
        by_model: whether a model made the labels; Label Studio shows them as predictions.

    Raises FileExistsError if `out` holds something, ValueError for what is not accepted.
    """
    if format not in WRITERS:
        raise ValueError(f"format {format!r} is unknown; accepted are {', '.join(WRITERS)}")
    if masks not in MASKS:
        raise ValueError(f"masks is {masks!r}; accepted are {' and '.join(MASKS)}")
    writer, out = WRITERS[format], Path(out)
    if masks == "rle" and not writer.has_rle:
        raise ValueError(f"the format {format} has no RLE; accepted is masks polygon")
    prepare_empty(out)
    report = ExportReport()
    out.mkdir(parents=True, exist_ok=True)
    images = _place_images(labels, out / writer.images, writer.needs_outlines, report)
    writer.write(images, out, masks == "rle", by_model)
    return report


def _place_images(
    labels: Labels, folder: Path, needs_outlines: bool, report: ExportReport
) -> Iterator[LabelledImage]:
    """Link images into the folder, one by one, and yield them with their names in it."""
    taken: set[str] = set()
    for item in track(labels, "exporting"):
        if isinstance(item, Problem):
            report.left_out.append(f"{item.where}: {item.reason}")
            continue
        if needs_outlines and _lacks_outlines(item):
            report.left_out.append(f"{item.where}: a scratch has no outline, which cannot be told")
            continue
        name = _free_name(PurePosixPath(_writable(item.name)), taken)
        file = item.file or item.folder / item.name
        try:
            _check_size(file, item.size)
            link_or_copy(file, folder / name)
        except (ValueError, FileNotFoundError) as error:
            report.left_out.append(f"{item.where}: {error}")
            continue
        except OSError as error:
            report.left_out.append(f"{item.where}: {file} cannot be read ({error.strerror})")
            continue
        report.images += 1
        report.scratches += len(item.shapes)
        yield replace(item, name=str(name))


def _check_size(file: Path, size: tuple[int, int] | None) -> None:
    """Raise ImageError if a file is not an image or its size differs from its labels."""
    found = read_size(file)
    if size and found != size:
        told = "the image is {} x {} pixels, its labels are of {} x {}".format(*found, *size)
        raise ImageError(f"{str(file)!r}: {told}; it is another than the labels were made on")


def _writable(name: str) -> str:
    """Return a name that every format can hold: no control characters, nothing but Unicode."""
    return "".join(letter if letter.isprintable() else "_" for letter in name)


def _lacks_outlines(item: LabelledImage) -> bool:
    has_all = all(shape.rle for shape in item.shapes)
    return not has_all or (GOOD not in item.tags and not item.shapes)


def _free_name(wanted: PurePosixPath, taken: set[str]) -> PurePosixPath:
    name, number = wanted, 1
    while str(name.with_suffix("")).casefold() in taken:
        number += 1
        name = wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
    taken.add(str(name.with_suffix("")).casefold())
    return name
