"""Which files a person would take for a photograph, by their names."""

from pathlib import PurePath

SUFFIXES = frozenset(
    ".png .apng .jpg .jpeg .jpe .jfif .jif .mpo .bmp .dib .tif .tiff .webp .gif .avif .jp2 .j2k "
    ".jpf .jpx .pgm .ppm .pnm .pbm".split()
)
# Photographs as well, but no reader here: each is named with the reason, never left out.
UNREAD = frozenset(
    ".heic .heif .hif .jxl .jxr .dng .raw .cr2 .cr3 .crw .nef .nrw .arw .sr2 .srf .raf .orf .rw2 "
    ".pef .srw .3fr .iiq .x3f .psd .exr .hdr .tga .pcx".split()
)


def is_image_name(path: PurePath) -> bool:
    """Whether a file name ends like a photograph, readable or not; hidden files do not count."""
    return path.suffix.lower() in SUFFIXES | UNREAD and not path.name.startswith(".")
