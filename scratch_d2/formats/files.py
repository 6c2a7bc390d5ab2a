"""The files that hold labels: found in a folder, read as JSON or XML with their limits."""

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scratch_d2.utils.strict_json import parse_json

MOST_JSON = 256 << 20  # bytes; Python needs about ten times as much to hold what is in them
MOST_XML = 4 << 30  # bytes; these are read image by image
MOST_PIXELS = 1 << 28  # of an image, as labels may say it; what is read is limited by Pillow
LARGEST = 1e15  # of a number: its square can be computed with
HEAD = 1 << 16  # bytes that tell what a file is


class LabelsError(ValueError):
    """A file of labels that cannot be read; the message does not name the file."""


def list_files(source: Path, suffix: str) -> list[Path]:
    """Return the files of a folder and its subfolders that end in a suffix; a file itself.

    What is hidden is left out, and linked folders are not entered.
    """
    if source.is_file():
        return [source]
    found = sorted(source.rglob(f"*{suffix}"))
    hidden = (any(part.startswith(".") for part in f.relative_to(source).parts) for f in found)
    return [file for file, is_hidden in zip(found, hidden) if file.is_file() and not is_hidden]


def read_head(path: Path) -> str:
    """Return the beginning of a text file; "" if it cannot be read or is no text."""
    try:
        with open(path, "rb") as file:
            return decode_text(file.read(HEAD)).lstrip()
    except OSError:
        return ""


def decode_text(content: bytes) -> str:
    """Decode text in UTF-8, or UTF-16 with a byte order mark, as editors of Windows save it.

    What is neither is replaced.
    """
    is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if is_wide else "utf-8-sig", "replace")


def read_json(path: Path) -> Any:
    """Read a JSON file of `MOST_JSON` bytes at most.

    Raises LabelsError if it is larger, or is no JSON.
    """
    try:
        size = path.stat().st_size
        if size > MOST_JSON:
            raise LabelsError(
                f"{size >> 20} MB of JSON; accepted are {MOST_JSON >> 20} MB. Export it in several "
                "files, by images"
            )
        return parse_json(path.read_bytes())
    except OSError as error:
        raise LabelsError(f"cannot be read ({error.strerror})") from None
    except LabelsError:
        raise
    except (ValueError, RecursionError) as error:
        raise LabelsError(f"not JSON ({error})") from None


def read_xml(path: Path, tag: str) -> Iterator[Any]:
    """Yield the elements of a tag in an XML file, one after the other, and forget each.

    Raises LabelsError if the file is no XML, or has a document type or entities: these can make
    a few bytes fill the memory, or read other files.
    """
    from defusedxml import DefusedXmlException  # here, because other formats do without it
    from defusedxml.ElementTree import ParseError, iterparse

    try:
        if path.stat().st_size > MOST_XML:
            raise LabelsError(f"more than {MOST_XML >> 30} GB of XML; export it in several files")
        root = None
        for event, element in iterparse(str(path), events=("start", "end"), forbid_dtd=True):
            root = element if root is None else root
            if event == "end" and element.tag == tag:
                yield element
                if element is not root:
                    root.clear()
    except DefusedXmlException as error:
        kind = type(error).__name__
        raise LabelsError(
            f"XML with a document type or entities, which is refused ({kind})"
        ) from None
    except OSError as error:
        raise LabelsError(f"cannot be read ({error.strerror})") from None
    except LabelsError:
        raise
    except (ParseError, LookupError, ValueError) as error:  # also unknown encodings
        raise LabelsError(f"not XML ({error})") from None


def to_number(value: Any) -> float:
    """Turn a number or its text into a float.

    Raises ValueError naming a value that is none, not finite, or above `LARGEST`.
    """
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{str(value)[:40]!r} is no number") from None
    if number - number != 0:
        raise ValueError(f"{value!r} is no finite number")
    if abs(number) > LARGEST:
        raise ValueError(f"{str(value)[:40]!r} is larger than any image")
    return number


def to_size(width: Any, height: Any) -> tuple[int, int] | None:
    """Return width and height in px, or None if labels do not say both, or say what no image is."""
    try:
        size = int(to_number(width)), int(to_number(height))
    except ValueError:
        return None
    return size if min(size) > 0 and size[0] * size[1] <= MOST_PIXELS else None
