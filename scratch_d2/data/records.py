"""Scan a folder of good/, bad/ and masks/ into records, and name everything that is odd in it."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from scratch_d2.data.boxes_file import Box, read_boxes
from scratch_d2.data.duplicates import DISTANCE
from scratch_d2.data.groups import BURST_GAP, find_groups
from scratch_d2.data.images_file import read_image_labels
from scratch_d2.data.pairing import Folder, guess_image, leave_out_masks, list_folder, pair_masks
from scratch_d2.data.probe import TWO_LEVELS, FileFacts, Region, probe_files
from scratch_d2.structures.labels import BAD, GOOD

# So many Bad images without a mask are named one by one.
MANY = 10
KNOWN = ("width", "height", "sha256", "phash")  # what a record takes over from its file


@dataclass(frozen=True)
class Record:
    """One photograph and what is known about it.

    Attributes:
        verdict: "good" or "bad".
        mask: mask file of a Bad image, or None if there is no usable one.
        group: source group; images of one group show the same label and stay in one split.
        width, height: pixels, after turning the image upright.
        regions: the scratches that the mask marks; empty without a mask.
        sha256: of the file's bytes, in hex.
        phash: of what is to be seen, in hex; `duplicates` makes and compares them.
        boxes: around scratches that nobody outlined, (x0, y0, x1, y1) in px, from boxes.csv.
        kind: of its defect, from images.csv or the subfolder of bad/; "" if it is not known.
    """

    image: Path
    verdict: str
    mask: Path | None
    group: str
    width: int
    height: int
    regions: tuple[Region, ...] = field(default=(), repr=False)
    sha256: str = ""
    phash: str = ""
    boxes: tuple[Box, ...] = ()
    kind: str = ""


@dataclass
class ScanReport:
    """What a scan found odd; fields that map a file to a text hold the whole sentence.

    Attributes:
        summary: a sentence on how the masks were understood, "" without any.
        notes: sentences on files that are not used.
        meant: for masks without an image, the end of a sentence on the image they may be meant for.
    """

    summary: str = ""
    notes: list[str] = field(default_factory=list)
    meant: dict[Path, str] = field(default_factory=dict)

    bad_without_mask: list[Path] = field(default_factory=list)
    masks_without_image: list[Path] = field(default_factory=list)
    good_and_bad: list[str] = field(default_factory=list)
    contradictions: dict[Path, str] = field(default_factory=dict)
    unreadable: dict[Path, str] = field(default_factory=dict)
    wrong_size: dict[Path, str] = field(default_factory=dict)
    empty_masks: dict[Path, str] = field(default_factory=dict)

    def all_lines(self) -> list[str]:
        """Return the summary, and one sentence for each odd thing."""
        return [self.summary, *self.lines()] if self.summary else self.lines()

    def lines(self) -> list[str]:
        """Return one sentence for each odd thing, naming the file.

        Masks are optional, so many Bad images without one share a sentence.
        """
        unmarked = [str(path) for path in self.bad_without_mask]
        if len(unmarked) > MANY:
            examples = ", ".join(unmarked[:3])
            unmarked = [f"{len(unmarked)} Bad images have no mask, such as {examples}"]
        else:
            unmarked = [f"{path}: Bad without a mask" for path in unmarked]
        sentences = [*self.notes, *unmarked]
        for mask in self.masks_without_image:
            sentences.append(f"{mask}: mask without a Bad image{self.meant.get(mask, '')}")
        sentences += [f"{stem}: is in both good/ and bad/" for stem in self.good_and_bad]
        for named in (self.contradictions, self.unreadable, self.wrong_size, self.empty_masks):
            sentences += list(named.values())
        return [" ".join(sentence.splitlines()) for sentence in sentences]


def scan_folder(
    root: str | Path,
    mask_threshold: int = 127,
    burst_gap: float = BURST_GAP,
    duplicate_distance: int = DISTANCE,
) -> tuple[list[Record], ScanReport]:
    """Scan a folder that holds good/, bad/ and masks/, in any case, with their subfolders.

    Masks pair by exact stem, in the same subfolder or alone under their name. Unreadable images are
    left out of the records and named in the report. A Bad image without a usable mask stays a
    record with `mask=None`; a mask that marks more than half of its image is not usable. Boxes come
    from boxes.csv, kinds and groups of the user's own from images.csv.

    Args:
        mask_threshold: grey level in 0..255 above which a pixel of a grey mask is scratch.
        burst_gap, duplicate_distance: seconds and bits, as `find_groups` takes them.

    Raises:
        FileNotFoundError: there is no such folder, or neither good/ nor bad/ in it.
        ValueError: no image in it can be read, or no mask, or boxes.csv or images.csv is no such
            table.
    """
    root = Path(root)
    folder = list_folder(root)
    masks = [mask.path for mask in folder.masks]
    images = [image.path for image in (*folder.good, *folder.bad)]
    facts = probe_files(root, images, masks, mask_threshold)
    folder = leave_out_masks(folder, lambda path: facts[path].kind == TWO_LEVELS)
    verdicts = {image.path: GOOD for image in folder.good}
    verdicts |= {image.path: BAD for image in folder.bad}

    report = ScanReport(notes=folder.notes)
    report.unreadable = {path: fact.error for path, fact in facts.items() if fact.error}
    readable = [path for path in verdicts if not facts[path].error]
    if not readable:
        raise ValueError(
            f"{str(root)!r}: no readable image among the {len(verdicts)} files in good/ and bad/"
        )
    bad = [image for image in folder.bad if not facts[image.path].error]
    pairs = pair_masks(bad, folder.masks)
    _find_contradictions(folder, facts, report)
    hashes = [facts[path].phash for path in readable]
    labels, notes = read_image_labels(root, readable)
    report.notes += notes
    named = {path: label.group for path, label in labels.items() if label.group}
    groups = find_groups(readable, hashes, burst_gap, duplicate_distance, named)
    sizes = {image.path: (facts[image.path].width, facts[image.path].height) for image in bad}
    boxes, notes = read_boxes(root, sizes)
    report.notes += notes
    records = []
    for path in readable:
        fact, mask = facts[path], pairs.get(path)
        if mask is not None and not _usable(mask, facts[mask], path, fact, report):
            mask = None
        if verdicts[path] == BAD and mask is None and path not in boxes:
            report.bad_without_mask.append(path)
        known: dict[str, Any] = {key: getattr(fact, key) for key in KNOWN}
        known |= {"regions": facts[mask].regions if mask else (), "boxes": boxes.get(path, ())}
        kind = labels[path].kind
        records.append(Record(path, verdicts[path], mask, groups[path], kind=kind, **known))
    _report_masks(masks, pairs, facts, report)
    return records, report


def _report_masks(
    masks: list[Path], pairs: dict[Path, Path], facts: dict[Path, FileFacts], report: ScanReport
) -> None:
    """Say how the masks were understood, and for what images those without one may be meant."""
    refused = [facts[mask].error for mask in masks if facts[mask].error]
    if masks and len(refused) == len(masks):
        raise ValueError(f"none of the {len(masks)} masks can be used; the first is {refused[0]}")
    used = [facts[mask] for mask in masks if not facts[mask].error]
    if used:
        report.summary = summarize_masks(masks[0].parent, used)
    paired = set(pairs.values())
    report.masks_without_image = [mask for mask in masks if mask not in paired]
    for mask in report.masks_without_image:
        image = guess_image(mask, report.bad_without_mask)
        if image is not None:
            report.meant[mask] = f"; did you mean {image.stem}{mask.suffix}, for {image}?"


def summarize_masks(folder: Path, masks: list[FileFacts]) -> str:
    """Return a sentence on how the masks of a folder were understood, and what they cover."""
    kinds = Counter(mask.kind for mask in masks)
    read = ", ".join(f"{count} by {kind}" for kind, count in kinds.most_common())
    covers = [mask.coverage for mask in masks]
    return (
        f"{folder}: scratches are read from {len(masks)} masks ({read}); they cover "
        f"{min(covers):.2%} to {max(covers):.2%} of their images, {median(covers):.2%} at the "
        "median"
    )


def _find_contradictions(folder: Folder, facts: dict[Path, FileFacts], report: ScanReport) -> None:
    good = [image for image in folder.good if not facts[image.path].error]
    bad = [image for image in folder.bad if not facts[image.path].error]
    report.good_and_bad = sorted({image.key for image in good} & {image.key for image in bad})
    by_content = {facts[image.path].sha256: image for image in good}
    for path, key in bad:
        twin = by_content.get(facts[path].sha256)
        if twin and twin.key != key:
            report.contradictions[path] = f"{path}: is the same file as {twin.path}, which is Good"


def _usable(
    mask: Path, fact: FileFacts, image: Path, image_fact: FileFacts, report: ScanReport
) -> bool:
    if fact.error:
        return False
    if (fact.width, fact.height) != (image_fact.width, image_fact.height):
        report.wrong_size[mask] = (
            f"{mask}: the mask is {fact.width}x{fact.height}, but its image {image.name} is "
            f"{image_fact.width}x{image_fact.height} pixels; equal sizes are expected"
        )
        return False
    if not fact.regions:
        report.empty_masks[mask] = (
            f"{mask}: the mask of a Bad image marks no pixel ({fact.kind}; its highest level is "
            f"{fact.brightest:g})"
        )
        return False
    return True
