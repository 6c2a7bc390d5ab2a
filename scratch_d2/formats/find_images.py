"""Find the image that labels name, inside of the folder of the labels and nowhere else."""

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePath, PurePosixPath

from scratch_d2.formats.values import LabelledImage
from scratch_d2.utils.folders import walk_images
from scratch_d2.utils.image_names import is_image_name

ADDRESS = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+:")  # https:, s3:, data:; not C:
DRIVE = re.compile(r"^[A-Za-z]:[\\/]")
BESIDE = ("", "images")  # folders in which images are beside the labels
ABOVE = ("images", "jpegimages")  # folders that are no part of a name


class NotFound(ValueError):
    """An image that labels name and that cannot be used; the message does not say where."""


class ImageFinder:
    """Finds images below the folders that an import may read.

    Args:
        source: the file or folder of labels.
        images: another folder that holds the images, or None.
    """

    def __init__(self, source: Path, images: Path | None = None) -> None:
        self.root = source if source.is_dir() else source.parent
        folders = [*([images] if images else []), self.root]
        self.roots = [Path(os.path.abspath(folder)) for folder in folders]
        self._by_stem: dict[str, list[Path]] | None = None

    def find(self, image: LabelledImage) -> Path:
        """Return the file of an image.

        A name that leads to no file may be the end of one path below the folders.

        Raises NotFound for an address on the web, a path that leaves the folders, a file that is
        not there, and a name that two files have.
        """
        if image.file is not None:
            return image.file
        names = [image.name, *image.aliases]
        for name in names:
            if DRIVE.match(name) or not ADDRESS.match(name):
                continue
            raise NotFound(
                f"its image is the address {name[:80]!r}; nothing is downloaded, so save the "
                "images and name their files"
            )
        if self._below(image.folder, image.name) is None:
            raise NotFound(
                f"its image {image.name[:80]!r} leads out of the folder {self.root}; name a folder "
                "that holds labels and images, or that of the images with --images"
            )
        paths = (path for name in names for path in self._candidates(name, image.folder))
        found = next((path for path in paths if os.path.isfile(path)), None)  # also of odd names
        return Path(found) if found else self._find_by_end(names)

    def _below(self, base: str | Path, name: str) -> str | None:
        """Return the path that a name means in a folder; None if it leads out of all folders."""
        if DRIVE.match(name) or name.startswith("/"):
            return None
        path = os.path.abspath(os.path.join(base, name))
        is_inside = any(path.startswith(os.path.join(root, "")) for root in self.roots)
        return path if is_inside else None

    def _candidates(self, name: str, folder: Path) -> Iterator[str]:
        """Yield the paths, below the folders, that a name may mean."""
        for base in (folder, *self.roots):
            for beside in BESIDE:
                path = self._below(os.path.join(base, beside), name)
                if path is not None:
                    yield path

    def _find_by_end(self, names: list[str]) -> Path:
        """Find the image whose path ends with a name, as it is written or `_is_alike`."""
        for matches in (_ends_with, _is_alike):
            for name in names:
                path = PurePosixPath(os.path.normpath(name))
                same = [each for each in self._images_by_stem()[_stem(path)] if matches(each, path)]
                if len(same) == 1:
                    return same[0]
                if same:
                    raise NotFound(
                        f"its image {name!r} may be {same[0]} or {same[1]}; name the folder as well"
                    )
        raise NotFound(f"its image {names[0]!r} is not there")

    def _images_by_stem(self) -> dict[str, list[Path]]:
        if self._by_stem is None:
            self._by_stem = defaultdict(list)
            for path in {p.resolve(): p for root in self.roots for p in walk_images(root)}.values():
                self._by_stem[_stem(path)].append(path)
        return self._by_stem

    def name_of(self, image: LabelledImage, file: Path) -> PurePosixPath:
        """Return the path that an image has below its folder, and below images/ in it."""
        file = Path(os.path.abspath(file))
        for root in self.roots:
            if file.is_relative_to(root):
                parts = file.relative_to(root).parts
                while len(parts) > 1 and parts[0].lower() in ABOVE:
                    parts = parts[1:]
                return PurePosixPath(*parts)
        return PurePosixPath(Path(image.name).name)


def _stem(path: PurePath) -> str:
    """Return the name of an image without its suffix, in lower case."""
    return (path.stem if is_image_name(path) else path.name).casefold()


def _ends_with(path: PurePath, name: PurePath) -> bool:
    named = [part for part in name.parts if part != ".."]
    return path.parts[-len(named) :] == tuple(named)


def _is_alike(path: PurePath, name: PurePath) -> bool:
    """Whether a path ends with a name in other case, as Windows has it, or without its suffix."""
    whole = path if is_image_name(name) else path.with_suffix("")
    return _ends_with(PurePath(str(whole).casefold()), PurePath(str(name).casefold()))
