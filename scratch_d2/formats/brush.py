"""The run lengths of Label Studio's brush, which packs the pixels of an image into bits.

The format is rle-pack of thi.ng/umbrella: 32 bits for the number of values, 5 for the bits of a
value less 1, four times 4 for the bits of a length less 1. Then come blocks: a bit that tells one
repeated value from single ones, 2 bits for which of the four sizes the length has, the length
less 1, and the value or values. The values are the red, green, blue and alpha of each pixel, row
by row; alpha is 0 if nothing was painted.
"""

from typing import Any

import numpy as np

HEAD = 32 + 5 + 4 * 4  # bits
CHANNELS = 4
WORD = 8  # bits of a value, as Label Studio writes them
LENGTHS = (3, 4, 8, 16)


def decode_brush(octets: Any, height: int, width: int) -> np.ndarray:
    """Return what the brush painted as HxW bool.

    Args:
        octets: list of integers in 0..255.

    Raises ValueError if they are no run lengths of an image of this size.
    """
    bits = _to_bits(octets)
    count, word = _number(bits, 0, 32), _number(bits, 32, 5) + 1
    if count != height * width * CHANNELS:
        raise ValueError(
            f"a brush of {count} values; its image has {height} x {width} x {CHANNELS}"
        )
    sizes = [_number(bits, 37 + 4 * index, 4) + 1 for index in range(4)]
    values = np.zeros(count, bool)
    place, done = HEAD, 0
    while done < count:
        repeated, size = _number(bits, place, 1), sizes[_number(bits, place + 1, 2)]
        length = _number(bits, place + 3, size) + 1
        place += 3 + size
        if done + length > count:
            raise ValueError("a brush whose runs are longer than its image")
        number = 1 if repeated else length
        if place + number * word > len(bits):
            raise ValueError("a brush whose runs end before its image does")
        words = bits[place : place + number * word].reshape(number, word)
        values[done : done + length] = words.any(axis=1)
        place, done = place + number * word, done + length
    return values.reshape(height, width, CHANNELS)[:, :, -1]


def _to_bits(octets: Any) -> np.ndarray:
    try:
        numbers = np.asarray(octets)
        if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
            raise ValueError
        if len(numbers) * 8 < HEAD or numbers.min() < 0 or numbers.max() > 255:
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise ValueError("a brush that is no list of numbers in 0..255") from None
    return np.unpackbits(numbers.astype(np.uint8))


def _number(bits: np.ndarray, place: int, size: int) -> int:
    if place + size > len(bits):
        raise ValueError("a brush whose runs end before its image does")
    number = 0
    for bit in bits[place : place + size].tolist():
        number = number << 1 | bit
    return number


def encode_brush(mask: np.ndarray) -> list[int]:
    """Pack an HxW bool mask as Label Studio's brush does; returns integers in 0..255."""
    pixels = mask.ravel()
    changes = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    ends = CHANNELS * np.append(changes, len(pixels))
    texts = [
        f"{CHANNELS * len(pixels):032b}{WORD - 1:05b}",
        *(f"{size - 1:04b}" for size in LENGTHS),
    ]
    done = 0
    for end in ends.tolist():
        value = "1" * WORD if pixels[done // CHANNELS] else "0" * WORD
        while done < end:
            length = min(end - done, 1 << LENGTHS[-1])
            index = next(i for i, size in enumerate(LENGTHS) if length <= 1 << size)
            texts.append(f"1{index:02b}{length - 1:0{LENGTHS[index]}b}{value}")
            done += length
    bits = np.frombuffer("".join(texts).encode("ascii"), np.uint8) - ord("0")
    return np.packbits(bits).tolist()
