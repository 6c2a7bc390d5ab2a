"""Import labels of other programs: write a folder of good/, bad/ and masks/ from them."""

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from scratch_d2.data.decoding import decode
from scratch_d2.data.image_error import ImageError
from scratch_d2.data.images import read_size
from scratch_d2.data.probe import MOST_COVERED
from scratch_d2.formats.classes import DEFAULT, Classes
from scratch_d2.formats.find_images import ImageFinder, NotFound
from scratch_d2.formats.import_report import ImportReport
from scratch_d2.formats.raster import Marks, draw
from scratch_d2.formats.table import ONE_FILE, ONE_FILE_EACH, READERS, pick_format
from scratch_d2.formats.tree import DatasetTree
from scratch_d2.formats.values import LabelledImage, Problem
from scratch_d2.structures.labels import BAD, GOOD
from scratch_d2.utils.counting import count_of
from scratch_d2.utils.folders import walk_images
from scratch_d2.utils.progress import track

REPORT_FILE = "import.json"
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
UNLABELLED = ("error", "good", "skip")


def import_labels(
    source: str | Path,
    out: str | Path,
    format: str = "auto",
    classes: Classes = DEFAULT,
    unlabelled: str = "error",
    images: str | Path | None = None,
) -> ImportReport:
    """Write the images and labels of another program as good/, bad/, masks/ and boxes.csv.

    Images keep their bytes; they are hard links if the disk allows it. What cannot be used is
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
    format = pick_format(format, source)
    folder = None if images is None else _existing(Path(images))
    task = _Import(ImageFinder(source, folder), classes, unlabelled, DatasetTree(Path(out)))
    try:
        for item in track(READERS[format](source), "importing"):
            task.take(item)
        task.take_unlabelled()
        if not (task.report.left_out or task.report.dropped or task.seen):
            task.report.dropped.append(f"{source}: no labels of the format {format} are in it")
        elif source.is_dir() and format in ONE_FILE_EACH + ONE_FILE:
            task.take_unlisted(are_unlabelled=format in ONE_FILE_EACH)
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
    """An import at work: takes what a reader yields, image by image.

    Attributes:
        seen: images that labels name, and where.
        refused: images that labels name and that were left out for it.
        damaged: files of labels that cannot be read, by their names without suffix.
    """

    finder: ImageFinder
    classes: Classes
    unlabelled: str
    tree: DatasetTree
    report: ImportReport = field(default_factory=ImportReport)
    seen: dict[Path, str] = field(default_factory=dict)
    refused: set[Path] = field(default_factory=set)
    damaged: dict[str, str] = field(default_factory=dict)
    _first_unlabelled: str = ""
    _unlabelled: list[LabelledImage] = field(default_factory=list)

    def take(self, item: LabelledImage | Problem) -> None:
        """Write one image, or note why it is left out, or that nobody labelled it."""
        if isinstance(item, Problem):
            self.report.dropped.append(f"{item.where}: {item.reason}")
            self.damaged[Path(item.where).stem] = item.where
            return
        with self._noting(item):
            _check_shapes(item)
            self.report.unknown.update(self.classes.unknown(item))
            source = self._find(item)
            verdict = self.classes.verdict(item)
            if verdict or isinstance(source, bytes):
                self._take(item, source, verdict)
            else:
                self._unlabelled.append(replace(item, file=source, content=b""))

    def take_unlabelled(self) -> None:
        """Take the images that nobody labelled: other labels of the same image count first."""
        for item in self._unlabelled:
            with self._noting(item):
                self._take(item, self._find(item), "")
        self._unlabelled.clear()

    @contextmanager
    def _noting(self, item: LabelledImage) -> Iterator[None]:
        """Note why an image is left out, if it cannot be used."""
        try:
            yield
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno in NO_SPACE:
                raise
            name = "" if isinstance(error, NotFound | ImageError) else f"{item.name}: "
            self.report.left_out.append(f"{item.where}: {name}{error}")
            self._refuse(item)

    def _refuse(self, item: LabelledImage) -> None:
        """Remember that labels name an image, so that it does not count as one without labels."""
        with suppress(NotFound):
            self.refused.add(self.finder.find(item).resolve())

    def _take(self, item: LabelledImage, source: Path | bytes, verdict: str) -> None:
        size = self._check(item, source)
        verdict = verdict or self._unlabelled_verdict(item)
        if verdict:
            self._write(item, source, size, verdict)

    def take_unlisted(self, are_unlabelled: bool) -> None:
        """Take the images that no labels name for unlabelled ones, or only count them."""
        for root in self.finder.roots:
            for path in walk_images(root):
                if path.resolve() in self.seen or path.resolve() in self.refused:
                    continue
                if are_unlabelled and path.stem in self.damaged:
                    labels = self.damaged[path.stem]
                    self.report.left_out.append(f"{path}: its labels, {labels}, cannot be read")
                elif are_unlabelled:
                    name = path.relative_to(root).as_posix()
                    self.take(LabelledImage(name, str(path), root, file=path))
                else:
                    self.report.unlisted += 1
        self.take_unlabelled()

    def _unlabelled_verdict(self, item: LabelledImage) -> str:
        """Return what an image is that nobody labelled, "" to leave it out."""
        self.report.unlabelled += 1
        self._first_unlabelled = self._first_unlabelled or item.name
        if self.unlabelled == "good":
            return GOOD
        self.report.skipped += 1
        return ""

    def _find(self, item: LabelledImage) -> Path | bytes:
        """Return the image, a file or bytes of the labels."""
        try:
            return self.finder.find(item)
        except NotFound:
            if not item.content:
                raise
            return item.content

    def _check(self, item: LabelledImage, source: Path | bytes) -> tuple[int, int]:
        """Return the size of an image, which must be new and of the size told."""
        if isinstance(source, Path):
            self._note(source.resolve(), item.where)
        size = read_size(source) if isinstance(source, Path) else _size_of(source)
        if item.size and item.size != size:
            told = "the image is {} x {} pixels, its labels say {} x {}".format(*size, *item.size)
            turned = item.size == size[::-1]
            raise ValueError(told + ("; was it turned by its EXIF orientation?" if turned else ""))
        return size

    def _note(self, file: Path, where: str) -> None:
        """Note that labels name a file; raises ValueError if others did before."""
        if file in self.seen:
            raise ValueError(f"its image is labelled in {self.seen[file]} too, which counts")
        self.seen[file] = where

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
        kind = self.classes.kind(item) if verdict == BAD else ""
        place = self.tree.add(source, name, verdict, mask, boxes, kind)
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
            count = count_of(report.unlabelled, "image has", "images have")
            raise ValueError(
                f"{count} no labels, such as {self._first_unlabelled}; say "
                "with --unlabelled good that they are Good, or leave them out with --unlabelled "
                "skip"
            )
        if not report.images:
            return report
        report.linked, report.copied = self.tree.linked, self.tree.copied
        self.tree.finish(
            lambda folder: (folder / REPORT_FILE).write_text(
                json.dumps(report.to_dict(), indent=2) + "\n", "utf-8"
            )
        )
        return report
