"""What the classes of a set of labels mean: a scratch, a Good label, a Bad one, or nothing."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from scratch_d2.formats.values import LabelledImage, Shape
from scratch_d2.structures.labels import BAD, GOOD

ANY = "*"
MEANINGS = ("ignore", "bad", "good", "scratch")


@dataclass(frozen=True)
class Classes:
    """The names of classes by what they mean, in any case; "*" in `scratch` is every other class.

    Attributes:
        scratch: a marked region is a scratch; said of an image, the image is Bad.
        good, bad: the verdict on the whole image.
        ignore: says nothing.
    """

    scratch: tuple[str, ...] = ("scratch",)
    good: tuple[str, ...] = ("good", "ok")
    bad: tuple[str, ...] = ("bad", "nok")
    ignore: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise ValueError for a name that means two things."""
        for meaning in MEANINGS:
            for name in getattr(self, meaning):
                if self._meanings[_fold(name)] != meaning:
                    raise ValueError(
                        f"the class {name!r} is given for {meaning} and for "
                        f"{self._meanings[_fold(name)]}"
                    )

    @cached_property
    def _meanings(self) -> dict[str, str]:
        return {_fold(name): meaning for meaning in MEANINGS for name in getattr(self, meaning)}

    def meaning(self, name: str) -> str:
        """Return "scratch", "good", "bad", "ignore", or "" for a class that is not mapped."""
        other = "scratch" if ANY in self.scratch else ""
        return self._meanings.get(_fold(name), other)

    def scratches(self, image: LabelledImage) -> list[Shape]:
        """Return the shapes of an image that mark scratches."""
        return [shape for shape in image.shapes if self.meaning(shape.label) == "scratch"]

    def kind(self, image: LabelledImage) -> str:
        """Return the class of most of the scratches of an image, "" without any."""
        names = [name for name in _names(image) if self.meaning(name) == "scratch"]
        return Counter(names).most_common(1)[0][0] if names else ""

    def unknown(self, image: LabelledImage) -> list[str]:
        """Return the classes of an image that are not mapped, each as often as it is there."""
        return [name for name in _names(image) if not self.meaning(name)]

    def verdict(self, image: LabelledImage) -> str:
        """Return "good", "bad", or "" if nobody has labelled the image.

        Raises ValueError if the labels contradict each other, or if no class is mapped.
        """
        hints = (hint for hint in image.hints if _fold(hint) in self._meanings)
        names = [*_names(image), *hints]
        meanings = {self.meaning(name) for name in names}
        is_bad = bool(meanings & {"scratch", "bad"})
        if is_bad and "good" in meanings:
            raise ValueError(f"it is labelled Good and Bad ({', '.join(sorted(set(names)))})")
        if is_bad:
            return BAD
        if "" in meanings:
            named = ", ".join(sorted(set(self.unknown(image))))
            raise ValueError(f"whether its classes ({named}) are scratches is not known")
        return GOOD if "good" in meanings else ""


def _names(image: LabelledImage) -> list[str]:
    return [*image.tags, *(shape.label for shape in image.shapes)]


def _fold(name: str) -> str:
    return name.strip().casefold()


DEFAULT = Classes()


def parse_names(texts: Iterable[str]) -> tuple[str, ...]:
    """Split names at commas, as options give them."""
    return tuple(name.strip() for text in texts for name in text.split(",") if name.strip())
