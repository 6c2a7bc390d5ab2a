"""Find the photographs and masks of a dataset folder, and pair them by their names."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from scratch_d2.structures.labels import BAD, GOOD
from scratch_d2.utils.counting import count_of
from scratch_d2.utils.folders import describe_left_out, walk_images
from scratch_d2.utils.image_names import is_image_name

MASKS = "masks"
# How programs name the mask of x.png: x_mask.png, x.mask.png, mask_x.png, x.png.png and so on.
MASK_WORD = r"(?:masks?|gt|ground_?truth|seg(?:mentation)?)"
WORD = rf"(?:{MASK_WORD}|labels?|anno(?:tation)?s?)"  # names of photographs may hold the others
MASK_AFFIXES, AFFIXES = (
    re.compile(rf"^{word}[-_. ]+|[-_. ]+{word}$|\.(?:png|jpe?g|bmp|tiff?)$", re.IGNORECASE)
    for word in (MASK_WORD, WORD)
)
LABELS = (".json", ".xml", ".txt", ".csv")


class Found(NamedTuple):
    """A file of good/, bad/ or masks/.

    Attributes:
        key: its name without suffix, with the subfolders, as "2024/IMG_1".
    """

    path: Path
    key: str


class Folder(NamedTuple):
    """What good/, bad/ and masks/ hold, and sentences on what is in the folder beside that."""

    good: list[Found]
    bad: list[Found]
    masks: list[Found]
    notes: list[str]


def list_folder(root: Path) -> Folder:
    """List the files of good/, bad/ and masks/, in any case, and of their subfolders.

    What looks like the mask of another file in good/ or bad/ is not listed, and a note says so.

    Raises FileNotFoundError: there is no such folder, or neither good/ nor bad/ in it.
    """
    folders = _find_folders(root)
    notes: list[str] = []
    closed = [root, *chain.from_iterable(folders.values())]
    good, bad, masks = (_list(folders.get(name, []), closed, notes) for name in (GOOD, BAD, MASKS))
    good, bad = _without_masks(good, notes), _without_masks(bad, notes)
    return Folder(good, bad, masks, notes + _not_used(root, folders))


def _find_folders(root: Path) -> dict[str, list[Path]]:
    if not root.is_dir():
        raise FileNotFoundError(
            f"{str(root)!r}: no such folder; one with good/ and bad/ is expected"
        )
    folders: dict[str, list[Path]] = {}
    for child in sorted(root.iterdir()):
        if child.is_dir() and not child.name.startswith("."):
            folders.setdefault(child.name.lower(), []).append(child)
    if GOOD not in folders and BAD not in folders:
        found = ", ".join(sorted(folders)) or "no folders"
        raise FileNotFoundError(
            f"{str(root)!r} holds neither good/ nor bad/ (found: {found}); expected are good/, "
            "bad/ and masks/"
        )
    return folders


def _list(folders: Sequence[Path], closed: Sequence[Path], notes: list[str]) -> list[Found]:
    listed = []

    def choose(names: Sequence[str], _: Sequence[str]) -> list[str]:
        skipped = [name for name in names if re.fullmatch(MASK_WORD, name, re.IGNORECASE)]
        notes.extend(
            f"{folder}: its subfolder {name} is not used; masks belong into {MASKS}/ beside it"
            for name in skipped
        )
        return [name for name in names if name not in skipped]

    for folder in folders:
        left_out: list[Path] = []
        for path in walk_images(folder, choose, left_out, closed):
            inside = path.as_posix()[len(folder.as_posix()) + 1 :]
            listed.append(Found(path, inside.removesuffix(path.suffix)))
        sentence = describe_left_out(folder, left_out)
        if any(path.suffix.lower() in LABELS for path in left_out):
            sentence += "; labels in text files are not read, scratch-d2 import does that"
        notes += [sentence] if sentence else []
    return listed


def _without_masks(images: list[Found], notes: list[str]) -> list[Found]:
    keys = {image.key for image in images}
    kept = []
    for image in images:
        parent, _, name = image.key.rpartition("/")
        stem = MASK_AFFIXES.sub("", name)
        if stem != name and (f"{parent}/{stem}" if parent else stem) in keys:
            notes.append(
                f"{image.path}: looks like the mask of {stem} and is left out; masks belong into "
                f"{MASKS}/, this one as {stem}{image.path.suffix}"
            )
        else:
            kept.append(image)
    return kept


def leave_out_masks(folder: Folder, two_levels: Callable[[Path], bool]) -> Folder:
    """Leave out what lies in good/ or bad/ under the name of a photograph there and is its mask.

    Args:
        two_levels: whether a file has exactly two levels, as masks have.
    """
    notes = list(folder.notes)
    kept = {}
    for name in (GOOD, BAD):
        images: list[Found] = getattr(folder, name)
        doubtful = {image.path for image in images if two_levels(image.path)}
        stems = {image.path.stem for image in images if image.path not in doubtful}
        masks = {p for p in doubtful if p.stem in stems or AFFIXES.sub("", p.stem) in stems}
        kept[name] = [image for image in images if image.path not in masks]
        notes += [
            f"{path}: looks like the mask of the photograph of the same name and is left out; "
            f"masks belong into {MASKS}/"
            for path in sorted(masks)
        ]
    return folder._replace(**kept, notes=notes)


def _not_used(root: Path, folders: dict[str, list[Path]]) -> list[str]:
    """Name the photographs of the dataset folder that stand outside of good/ and bad/."""
    loose = [path for path in sorted(root.iterdir()) if is_image_name(path)]
    notes = []
    if loose:
        notes.append(
            f"{root}: {count_of(len(loose), 'photograph is', 'photographs are')} outside of good/ "
            f"and bad/ and not used, like {loose[0].name}"
        )
    for name, paths in folders.items():
        if name in (GOOD, BAD, MASKS):
            continue
        first = next((path for path in sorted(paths[0].iterdir()) if is_image_name(path)), None)
        if first is not None:
            notes.append(
                f"{paths[0]}: holds photographs that are not used, like {first.name}; only those "
                "in good/ and bad/ are"
            )
    return notes


def pair_masks(images: Sequence[Found], masks: Sequence[Found]) -> dict[Path, Path]:
    """Pair Bad images with masks of the same subfolder and stem; of several, that of the same name.

    A mask in another subfolder is taken if its stem is the only one among images and masks.
    """
    by_key = _group(masks, lambda found: found.key)
    by_stem = _group(masks, lambda found: found.path.stem)
    stems = Counter(image.path.stem for image in images)
    pairs = {}
    for image in images:
        candidates = by_key.get(image.key, [])
        elsewhere = by_stem.get(image.path.stem, [])
        if not candidates and stems[image.path.stem] == 1 and len(elsewhere) == 1:
            candidates = elsewhere
        if candidates:
            same = (mask for mask in candidates if mask.name == image.path.name)
            pairs[image.path] = next(same, candidates[0])
    return pairs


def _group(found: Iterable[Found], key: Callable[[Found], str]) -> dict[str, list[Path]]:
    groups: dict[str, list[Path]] = {}
    for each in found:
        groups.setdefault(key(each), []).append(each.path)
    return groups


def guess_image(mask: Path, images: Iterable[Path]) -> Path | None:
    """Return the image without a mask whose mask a file probably is, by its name, or None."""
    bare = AFFIXES.sub("", mask.stem).lower()
    return next((image for image in images if image.stem.lower() == bare), None)
