"""Import labels of other programs: write a folder of good/, bad/ and masks/ from them."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scratch_d2.data.decoding import ImageError, decode
from scratch_d2.data.images import read_size
from scratch_d2.data.probe import MOST_COVERED
from scratch_d2.formats.classes import DEFAULT, Classes
from scratch_d2.formats.find_images import ImageFinder, NotFound
from scratch_d2.formats.raster import Marks, draw
from scratch_d2.formats.table import pick_reader
from scratch_d2.formats.tree import DatasetTree
from scratch_d2.formats.values import LabelledImage, Problem
from scratch_d2.structures.labels import BAD, GOOD
from scratch_d2.utils.progress import track

REPORT_FILE = "import.json"
UNLABELLED = ("error", "good", "skip")


@dataclass
class ImportReport:
    """What an import wrote, and what it left out.

    Attributes:
        good, bad: images that were written, by verdict.
        masks, boxes, unmarked: Bad images with a mask, with boxes, and with neither.
        scratches: marked regions that were used.
        clipped, crossing: those that reached out of their image, or cross themselves.
        unlabelled, skipped: images that nobody labelled, and how many of them were left out.
        linked, copied: images that are hard links to their source, or copies.
        renamed: images that have another name now.
        unknown: how often each class that is not mapped is there.
        left_out: images that were not written, one sentence each.
        dropped: marked regions that were not used, and other labels, one sentence each.
    """

    good: int = 0
    bad: int = 0
    masks: int = 0
    boxes: int = 0
    unmarked: int = 0
    scratches: int = 0
    clipped: int = 0
    crossing: int = 0
    unlabelled: int = 0
    skipped: int = 0
    linked: int = 0
    copied: int = 0
    renamed: int = 0
    unknown: Counter[str] = field(default_factory=Counter)
    left_out: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)

    @property
    def images(self) -> int:
        """How many images were written."""
        return self.good + self.bad

    @property
    def is_complete(self) -> bool:
        """Whether nothing was left out but what the user wanted to be."""
        return not (self.left_out or self.dropped or self.unknown)

    def to_dict(self) -> dict[str, Any]:
        """Return the report, ready for JSON."""
        return {**vars(self), "unknown": dict(self.unknown)}


def import_labels(
    source: str | Path,
    out: str | Path,
    format: str = "auto",
    classes: Classes = DEFAULT,
    unlabelled: str = "error",
    images: str | Path | None = None,
) -> ImportReport:
    """Write the images and labels of another program as good/, bad/, masks/ and boxes.csv.

    Images keep their bytes; they are hard links where the disk allows it. What cannot be used is
    left out and listed in the report, which is also written as import.json.

    Args:
        source: file or folder of labels.
        out: folder to write, new or empty.
        format: one of `scratch_d2.formats.table.READERS`, or "auto".
        unlabelled: what an image without labels is: "good", to "skip", or an "error".
        images: folder that holds the images, if it is not below the folder of the labels.

    Raises:
        FileNotFoundError: there is no such file or folder.
        FileExistsError: `out` holds something.
        ValueError: the format is unknown or cannot be told, an argument is not accepted, or an
            image has no labels and `unlabelled` is "error". Nothing is written then.
    """
    if unlabelled not in UNLABELLED:
        raise ValueError(f"unlabelled is {unlabelled!r}; accepted are {', '.join(UNLABELLED)}")
    source = Path(source)
    read = pick_reader(format, source)
    folder = None if images is None else _existing(Path(images))
    task = _Import(ImageFinder(source, folder), classes, unlabelled, DatasetTree(Path(out)))
    try:
        for item in track(read(source), "importing"):
            task.take(item)
        return task.finish()
    finally:
        task.tree.discard()


def _check_shapes(item: LabelledImage) -> None:
    """Raise ValueError for a shape that is so damaged that even its class is not known."""
    for shape in item.shapes:
        if shape.error and not shape.label:
            raise ValueError(shape.error)


def _size_of(content: bytes) -> tuple[int, int]:
    """Return the size of an image in the labels; raises ValueError for what is none."""
    try:
        return decode(content).image.size
    except Exception as error:  # decoders trip over damage wherever it strikes first
        raise ValueError(f"the image in its labels cannot be read ({error})") from None


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        raise FileNotFoundError(f"images {str(folder)!r}: no such folder")
    return folder


@dataclass
class _Import:
    """An import at work: takes what a reader yields, image by image."""

    finder: ImageFinder
    classes: Classes
    unlabelled: str
    tree: DatasetTree
    report: ImportReport = field(default_factory=ImportReport)
    _seen: dict[Path, str] = field(default_factory=dict)
    _first_unlabelled: str = ""

    def take(self, item: LabelledImage | Problem) -> None:
        """Write one image, or note why it is left out."""
        if isinstance(item, Problem):
            self.report.dropped.append(f"{item.where}: {item.reason}")
            return
        try:
            _check_shapes(item)
            self.report.unknown.update(self.classes.unknown(item))
            source, size = self._open(item)
            verdict = self.classes.verdict(item)
            if not verdict:
                self.report.unlabelled += 1
                self._first_unlabelled = self._first_unlabelled or item.name
                verdict = GOOD if self.unlabelled == "good" else ""
            if verdict:
                self._write(item, source, size, verdict)
            else:
                self.report.skipped += 1
        except (NotFound, ImageError, OSError, ValueError) as error:
            name = "" if isinstance(error, NotFound | ImageError) else f"{item.name}: "
            self.report.left_out.append(f"{item.where}: {name}{error}")

    def _open(self, item: LabelledImage) -> tuple[Path | bytes, tuple[int, int]]:
        """Return the image, a file or bytes, and its size; it must be new and of the size told."""
        source: Path | bytes
        try:
            source = self.finder.find(item)
        except NotFound:
            if not item.content:
                raise
            source = item.content
        size = read_size(source) if isinstance(source, Path) else _size_of(source)
        if item.size and item.size != size:
            told = "the image is {} x {} pixels, its labels say {} x {}".format(*size, *item.size)
            turned = item.size == size[::-1]
            raise ValueError(told + ("; was it turned by its EXIF orientation?" if turned else ""))
        if isinstance(source, Path):
            file = source.resolve()
            if file in self._seen:
                raise ValueError(f"its image is labelled in {self._seen[file]} too, which counts")
            self._seen[file] = item.where
        return source, size

    def _write(
        self, item: LabelledImage, source: Path | bytes, size: tuple[int, int], verdict: str
    ) -> None:
        shapes = self.classes.scratches(item) if verdict == BAD else []
        marks = draw(shapes, *size)
        mask = marks.mask()
        if mask is not None and mask.mean() > MOST_COVERED:
            marks.dropped.append(f"the mask marks {mask.mean():.0%} of the image; half at most is")
            mask = None
        boxes = [box for box in marks.boxes if box != (0, 0, *size)]
        file = source if isinstance(source, Path) else Path(item.name)
        name = self.finder.name_of(item, file)
        place = self.tree.add(source, name, verdict, mask, boxes)
        self._count(item, marks, verdict, mask is not None, bool(boxes))
        self.report.renamed += place != f"{verdict}/{name}"
        self.report.scratches += len(shapes) - len(marks.dropped)

    def _count(
        self, item: LabelledImage, marks: Marks, verdict: str, has_mask: bool, has_boxes: bool
    ) -> None:
        report = self.report
        report.good += verdict == GOOD
        report.bad += verdict == BAD
        report.masks += has_mask
        report.boxes += has_boxes
        report.unmarked += verdict == BAD and not (has_mask or has_boxes)
        report.clipped += marks.clipped
        report.crossing += marks.crossing
        report.dropped += [f"{item.where}: {item.name}: {reason}" for reason in marks.dropped]

    def finish(self) -> ImportReport:
        """Move the folder to its place; raises ValueError if there is nothing to move."""
        report = self.report
        if report.unlabelled and self.unlabelled == "error":
            raise ValueError(
                f"{report.unlabelled} images have no labels, such as {self._first_unlabelled}; say "
                "with --unlabelled good that they are Good, or leave them out with --unlabelled "
                "skip"
            )
        if not report.images:
            return report
        report.linked, report.copied = self.tree.linked, self.tree.copied
        self.tree.finish(
            lambda folder: (folder / REPORT_FILE).write_text(
                json.dumps(report.to_dict(), indent=2, ensure_ascii=False) + "\n", "utf-8"
            )
        )
        return report
