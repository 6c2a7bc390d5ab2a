"""Scan a folder of good/, bad/ and masks/ into records, and name everything that is odd in it."""

from dataclasses import dataclass, field
from pathlib import Path

from scratch_d2.data.duplicates import DISTANCE
from scratch_d2.data.groups import BURST_GAP, find_groups
from scratch_d2.data.probe import FileFacts, Region, probe_files
from scratch_d2.structures.labels import BAD, GOOD
from scratch_d2.utils.image_names import is_image_name


@dataclass(frozen=True)
class Record:
    """One photograph and what is known about it.

    Attributes:
        verdict: "good" or "bad".
        mask: mask file of a Bad image, or None where there is no usable one.
        group: source group; images of one group show the same label and stay in one split.
        width, height: pixels, after turning the image upright.
        regions: the scratches that the mask marks; empty without a mask.
        sha256: of the file's bytes, in hex.
        phash: of what is to be seen, in hex; `duplicates` makes and compares them.
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


@dataclass
class ScanReport:
    """What a scan found odd; fields that map a file to a text hold the whole sentence."""

    bad_without_mask: list[Path] = field(default_factory=list)
    masks_without_image: list[Path] = field(default_factory=list)
    good_and_bad: list[str] = field(default_factory=list)
    contradictions: dict[Path, str] = field(default_factory=dict)
    unreadable: dict[Path, str] = field(default_factory=dict)
    wrong_size: dict[Path, str] = field(default_factory=dict)
    empty_masks: dict[Path, str] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """Return one sentence for each odd thing, naming the file."""
        sentences = [f"{p}: Bad without a mask" for p in self.bad_without_mask]
        sentences += [f"{p}: mask without a Bad image" for p in self.masks_without_image]
        sentences += [f"{stem}: stands in both good/ and bad/" for stem in self.good_and_bad]
        for named in (self.contradictions, self.unreadable, self.wrong_size, self.empty_masks):
            sentences += list(named.values())
        return [" ".join(sentence.splitlines()) for sentence in sentences]


def scan_folder(
    root: str | Path,
    mask_threshold: int = 127,
    burst_gap: float = BURST_GAP,
    duplicate_distance: int = DISTANCE,
) -> tuple[list[Record], ScanReport]:
    """Scan a folder that holds good/, bad/ and masks/, in any case; masks pair by exact stem.

    Unreadable images are left out of the records and named in the report. A Bad image without a
    usable mask stays a record with `mask=None`.

    Args:
        mask_threshold: grey level in 0..255 above which a pixel of a grey mask is scratch.
        burst_gap, duplicate_distance: seconds and bits, as `find_groups` takes them.

    Raises:
        FileNotFoundError: there is no such folder, or neither good/ nor bad/ in it.
        ValueError: no image in it can be read.
    """
    root = Path(root)
    folders = _find_folders(root)
    images = [(path, verdict) for verdict in (GOOD, BAD) for path in _files(folders.get(verdict))]
    masks = _files(folders.get("masks"))
    facts = probe_files(root, [path for path, _ in images], masks, mask_threshold)

    report = ScanReport()
    report.unreadable = {path: fact.error for path, fact in facts.items() if fact.error}
    readable = [(path, verdict) for path, verdict in images if not facts[path].error]
    if not readable:
        raise ValueError(
            f"{str(root)!r}: no readable image among the {len(images)} files in good/ and bad/"
        )
    pairs = _pair([path for path, verdict in readable if verdict == BAD], masks, report)
    _find_contradictions(readable, facts, report)
    hashes = [facts[path].phash for path, _ in readable]
    paths = [path for path, _ in readable]
    groups = find_groups(paths, hashes, burst_gap, duplicate_distance)
    records = []
    for path, verdict in readable:
        fact, mask = facts[path], pairs.get(path)
        if mask is not None and not _usable(mask, facts[mask], path, fact, report):
            mask = None
        if verdict == BAD and mask is None:
            report.bad_without_mask.append(path)
        known = {key: getattr(fact, key) for key in ("width", "height", "sha256", "phash")}
        regions = facts[mask].regions if mask else ()
        records.append(Record(path, verdict, mask, groups[path], regions=regions, **known))
    return records, report


def _find_folders(root: Path) -> dict[str, Path]:
    if not root.is_dir():
        raise FileNotFoundError(
            f"{str(root)!r}: no such folder; one with good/ and bad/ is expected"
        )
    folders = {child.name.lower(): child for child in sorted(root.iterdir()) if child.is_dir()}
    if GOOD not in folders and BAD not in folders:
        found = ", ".join(sorted(folders)) or "no folders"
        raise FileNotFoundError(
            f"{str(root)!r} holds neither good/ nor bad/ (found: {found}); expected are good/, "
            "bad/ and masks/"
        )
    return folders


def _files(folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    return sorted(path for path in folder.iterdir() if is_image_name(path) and path.is_file())


def _find_contradictions(
    images: list[tuple[Path, str]], facts: dict[Path, FileFacts], report: ScanReport
) -> None:
    good, bad = ([path for path, v in images if v == verdict] for verdict in (GOOD, BAD))
    report.good_and_bad = sorted({path.stem for path in good} & {path.stem for path in bad})
    by_content = {facts[path].sha256: path for path in good}
    for path in bad:
        twin = by_content.get(facts[path].sha256)
        if twin and twin.stem != path.stem:
            report.contradictions[path] = f"{path}: is the same file as {twin}, which is Good"


def _pair(bad: list[Path], masks: list[Path], report: ScanReport) -> dict[Path, Path]:
    """Pair Bad images with masks of the same stem; of several, the one of the same name."""
    by_stem: dict[str, list[Path]] = {}
    for mask in masks:
        by_stem.setdefault(mask.stem, []).append(mask)
    pairs = {}
    for path in bad:
        candidates = by_stem.get(path.stem, [])
        if candidates:
            pairs[path] = next((m for m in candidates if m.name == path.name), candidates[0])
    used = set(pairs.values())
    report.masks_without_image = [mask for mask in masks if mask not in used]
    return pairs


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
        report.empty_masks[mask] = f"{mask}: the mask of a Bad image marks no pixel"
        return False
    return True
