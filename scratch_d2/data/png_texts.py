"""The texts in a PNG: profiles and comments, which Pillow refuses if they are large."""

import struct

PNG, PNG_HEAD = b"\x89PNG", 8
# Chunks with the texts in which Pillow looks for EXIF and XMP, for the orientation.
NEEDED_TEXTS = (b"Raw profile type", b"XML:com.adobe.xmp")


def without_texts(content: bytes, needed: tuple[bytes, ...]) -> bytes:
    """Leave out the profiles and comments of a PNG, but for texts that begin as needed."""
    kept, place = [content[:PNG_HEAD]], PNG_HEAD
    while place + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, place)
        kind, chunk = content[place + 4 : place + 8], content[place : place + 12 + length]
        if kind not in (b"iCCP", b"tEXt", b"zTXt", b"iTXt") or (
            kind != b"iCCP" and needed and chunk[8:].startswith(needed)
        ):
            kept.append(chunk)
        place += 12 + length
    return b"".join(kept)
