"""Image files as bytes: valid ones of every kind, and what nobody can read, with the reason."""

import io
import struct
import zlib

import numpy as np
from PIL import Image, PngImagePlugin

HEIGHT, WIDTH = 23, 37
GREY = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH), np.uint8)
COLOURS = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], axis=2)
SHORT, LONG, SIGNED_SHORT = 3, 4, 8  # types of TIFF
FORMS = {SHORT: "H", LONG: "I", SIGNED_SHORT: "h"}


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    """The file that Pillow makes of an image."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of 8-bit grey by its header and its chunks, whatever these hold."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [_chunk(*chunk) for chunk in [(b"IHDR", header), *chunks, (b"IEND", b"")]]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunk(content: bytes, kind: bytes, body: bytes) -> bytes:
    """A PNG with one more chunk behind its header."""
    return content[:33] + _chunk(kind, body) + content[33:]


def tiff(entries: dict[int, tuple], pixels: bytes = b"", following: int = 0) -> bytes:
    """A TIFF of 8-bit grey by what differs from one plain strip: {tag: (type, *values)}."""
    begin = 8 + 2 + 12 * len({**_plain(0, 0), **entries}) + 4
    values, directory = b"", b""
    whole = {**_plain(begin, len(pixels)), **entries}
    for tag, (kind, *numbers) in sorted(whole.items()):
        packed = struct.pack(f"<{len(numbers)}{FORMS[kind]}", *numbers)
        if len(packed) > 4:
            offset = begin + len(pixels) + len(values)
            values += packed
            packed = struct.pack("<I", offset)
        directory += struct.pack("<HHI4s", tag, kind, len(numbers), packed.ljust(4, b"\0"))
    head = b"II*\0" + struct.pack("<IH", 8, len(whole))
    return head + directory + struct.pack("<I", following) + pixels + values


def _plain(begin: int, size: int) -> dict[int, tuple]:
    return {
        256: (LONG, WIDTH),
        257: (LONG, HEIGHT),
        258: (SHORT, 8),
        259: (SHORT, 1),  # compression: none
        262: (SHORT, 1),  # 0 is black
        273: (LONG, begin),
        277: (SHORT, 1),
        278: (LONG, HEIGHT),  # rows in a strip
        279: (LONG, size),
    }


def turned_jpeg(*entries: tuple[int, int, int, bytes]) -> bytes:
    """A grey JPEG to be turned by 90 degrees, with more EXIF entries (tag, type, count, value)."""
    entries = ((0x0112, SHORT, 1, b"\6"), *entries)
    directory = b"".join(struct.pack("<HHI4s", *entry) for entry in entries)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries)) + directory + bytes(4)
    return encode(Image.fromarray(GREY), "JPEG", exif=exif)


def valid_files() -> dict[str, bytes]:
    """Files of every kind that is read, HEIGHT x WIDTH, by a word for the kind."""
    grey, colour = Image.fromarray(GREY), Image.fromarray(COLOURS)
    palette, deep = colour.quantize(16), Image.fromarray(GREY.astype(np.uint16) * 257)
    real = Image.fromarray(GREY.astype(np.float32) / 3)
    text = PngImagePlugin.PngInfo()
    text.add_text("comment", "word " * 99, zip=True)
    files = {
        "png": encode(colour, "PNG", pnginfo=text, dpi=(72, 72)),
        "png deep": encode(deep, "PNG"),
        "png palette": encode(palette, "PNG", transparency=bytes(range(16))),
        "png bit": encode(grey.convert("1"), "PNG"),
        "png alpha": encode(grey.convert("LA"), "PNG"),
        "jpeg": encode(colour, "JPEG", dpi=(72, 72), comment=b"word"),
        "jpeg progressive": encode(grey, "JPEG", progressive=True),
        "jpeg cmyk": encode(colour.convert("CMYK"), "JPEG"),
        "jpeg turned": turned_jpeg(),
        "bmp": encode(colour, "BMP"),
        "bmp palette": encode(palette, "BMP"),
        "tiff wide": encode(Image.fromarray(GREY.astype(np.int32) * 70_000), "TIFF"),
        "tiff big endian": encode(Image.frombytes("I;16B", grey.size, GREY.astype(">u2")), "TIFF"),
        "tiff strip": tiff({}, GREY.tobytes()),
        "webp": encode(colour, "WEBP", xmp=b"word"),
        "webp lossless": encode(colour.convert("RGBA"), "WEBP", lossless=True),
        "gif": encode(colour, "GIF"),
        "avif": encode(colour, "AVIF"),
        "jpeg 2000": encode(colour, "JPEG2000"),
        "ppm": encode(colour, "PPM"),
    }
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"):
        files[f"tiff {compression}"] = encode(colour, "TIFF", compression=compression)
        files[f"tiff real {compression}"] = encode(real, "TIFF", compression=compression)
    files["tiff jpeg"] = encode(colour, "TIFF", compression="jpeg")
    files["tiff fax"] = encode(grey.convert("1"), "TIFF", compression="group4")
    return files


def bad_files() -> dict[str, tuple[bytes, str]]:
    """What cannot be read: the file, and a regular expression for the reason."""
    colour = Image.fromarray(COLOURS)
    jpeg, picture = encode(colour, "JPEG"), encode(colour, "PNG")
    animation = {"save_all": True, "append_images": [colour.rotate(180)]}
    return {
        "empty": (b"", r"the file is empty \(0 bytes\)"),
        "text": (b"not a picture", "not an image of an accepted kind"),
        "moving gif": (encode(colour, "GIF", **animation), "GIF of several frames"),
        "moving avif": (encode(colour, "AVIF", **animation), "AVIF of several frames"),
        "heic": (b"\0\0\0\x18ftypheic" + bytes(99), "HEIC, which is not read; convert it"),
        "canon": (b"II*\0\x10\0\0\0CR\2\0" + bytes(99), "a raw photograph, which is not read"),
        "lfs": (b"version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer"),
        "dng": (tiff({50706: (SHORT, 1)}, GREY.tobytes()), "raw photograph, of which only"),
        "preview": (tiff({254: (LONG, 1)}, GREY.tobytes()), "raw photograph, of which only"),
        "header only": (jpeg[:30], "damaged image"),
        "cut jpeg": (jpeg[: len(jpeg) // 2], "damaged image"),
        "cut png": (picture[: len(picture) // 2], "damaged image"),
        "wrong bytes": (picture[:200] + b"??" + picture[202:], "damaged image"),
        "moving png": (encode(colour, "PNG", **animation), "PNG of several frames"),
        "moving webp": (encode(colour, "WEBP", **animation), "WEBP of several frames"),
        "pages": (encode(colour, "TIFF", **animation), "TIFF of several frames"),
        "not finite": (_real_tiff(np.nan), "must be finite numbers, but reach from nan"),
        "infinite": (_real_tiff(np.inf), "must be finite numbers, but reach from .* to inf"),
        **_bombs(),
        **_odd_tiffs(),
    }


def _real_tiff(value: float) -> bytes:
    return encode(Image.fromarray(np.where(GREY > 9, GREY, value).astype(np.float32)), "TIFF")


def _bombs() -> dict[str, tuple[bytes, str]]:
    """Small files that claim to be large."""
    blank, bomb = zlib.compress(bytes(9 << 20), 9), "refused as a decompression bomb"
    progressive = encode(Image.fromarray(GREY), "JPEG", progressive=True)
    frame = progressive.index(b"\xff\xc2") + 5
    progressive = progressive[:frame] + struct.pack(">HH", 9000, 9000) + progressive[frame + 4 :]
    scan = progressive[progressive.rindex(b"\xff\xda") : -2]
    return {
        "30000 a side": (png(30_000, 30_000, (b"IDAT", blank)), bomb),
        "12000 a side": (png(12_000, 12_000, (b"IDAT", blank)), bomb),
        "long": (png(1, 70_000, (b"IDAT", blank)), bomb),
        "scans": (progressive + scan * 200, "JPEG of too many scans"),
        "tile": (tiff({322: (LONG, 1 << 26), 323: (LONG, 16)}, b"tile"), bomb),
    }


def _odd_tiffs() -> dict[str, tuple[bytes, str]]:
    """What fuzzing has found."""
    coloured = {259: (SHORT, 32773), 262: (SHORT, 3), 320: (SIGNED_SHORT, *[-1] * 768)}
    pixels, nothing = GREY.tobytes(), struct.pack("<HHHIII", 1, 256, LONG, 1, 5, 0)
    after = tiff({}, pixels, len(tiff({}, pixels)))
    return {
        "missing strips": (tiff({257: (LONG, 900)}, pixels), "part of its pixels is missing"),
        "signed colours": (tiff(coloured, b"\0" * 99), "damaged image"),
        "page of nothing": (after + nothing, "TIFF of several frames"),
        "no columns": (tiff({256: (LONG, 0)}, pixels), "not an image"),
        "many samples": (tiff({277: (SHORT, 9)}, pixels), "not an image"),
        "bad code": (tiff({259: (SHORT, 5)}, pixels), "damaged image"),
    }


RAMP = np.linspace(0, 255, 30 * 20).reshape(20, 30).astype(np.uint8)
LARGE = RAMP.repeat(4, axis=0).repeat(4, axis=1)  # JPEG 2000 needs some pixels


def as_rgb(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[:, :, None], 3, axis=2)
