"""Near-duplicates: photographs whose perceptual hashes differ in few bits.

A hash is an `imagehash.phash` in hex. Codes recur in one typeface, so a coarse hash would confuse
different labels: it has 16 x 16 bits, and accepted distances are small. `docs/benchmarks/data.md`
has the measurements.

Hashes are compared by a matrix product. scikit-learn's radius neighbours take twice as long with
Euclidean distances (20,000 hashes: 20.7 s against 10.0 s) and longer with Hamming distances.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from scratch_d2.utils.progress import track

HASH_SIZE = 16
# Bits; a larger distance joins different labels among 22,000 rendered photographs.
DISTANCE = 12
# Hashes compared at a time; a block of similarities takes 16 MB.
BLOCK = 2048


def perceptual_hash(image: np.ndarray) -> str:
    """Return the perceptual hash of an HxWx3 uint8 RGB image, 64 hex digits."""
    import imagehash

    return str(imagehash.phash(Image.fromarray(image), HASH_SIZE))


def cluster_duplicates(hashes: Sequence[str], distance: int = DISTANCE) -> np.ndarray:
    """Cluster N hashes: near-duplicates, and chains of them, get one number.

    Args:
        distance: near-duplicates differ in at most this many bits; -1 finds none.

    Returns [N] int.
    """
    if distance < 0 or not hashes:
        return np.arange(len(hashes))
    unique, positions = np.unique(np.array(hashes), return_inverse=True)
    signs, numbers = _to_signs(unique.tolist()), np.arange(len(unique))
    for start in track(range(0, len(unique), BLOCK), "comparing photographs", unit="block"):
        block = signs[start : start + BLOCK]
        for other in range(start, len(unique), BLOCK):
            alike = block @ signs[other : other + BLOCK].T >= _likeness(signs, distance)
            rows, columns = np.nonzero(np.triu(alike, 1) if other == start else alike)
            if len(rows):
                numbers = _join(numbers, rows + start, columns + other)
    return numbers[positions]


def near_duplicates(queries: Sequence[str], pool: Sequence[str], distance: int) -> np.ndarray:
    """Return the index of the nearest hash in a pool for each query, [len(queries)] int.

    The index is -1 if none is within `distance` bits. Of equally near ones it is the first.

    Raises ValueError if hashes differ in length.
    """
    index = np.full(len(queries), -1)
    if distance < 0 or not len(queries) or not len(pool):
        return index
    signs = _to_signs([*queries, *pool])
    asked, pool_signs = signs[: len(queries)], signs[len(queries) :]
    best = np.full(len(queries), _likeness(signs, distance) - 1, np.float32)
    for start in range(0, len(queries), BLOCK):
        here = slice(start, start + BLOCK)
        for other in range(0, len(pool), BLOCK):
            alike = asked[here] @ pool_signs[other : other + BLOCK].T
            nearest = alike.argmax(axis=1)
            likeness = alike[np.arange(len(alike)), nearest]
            better = likeness > best[here]
            index[here] = np.where(better, nearest + other, index[here])
            best[here] = np.maximum(likeness, best[here])
    return index


def _to_signs(hashes: Sequence[str]) -> np.ndarray:
    """Return the bits of N hashes as [N, bits] float32 of -1 and 1."""
    lengths = sorted({len(digits) for digits in hashes})
    if len(lengths) > 1:
        raise ValueError(
            f"perceptual hashes of {' and '.join(map(str, lengths))} hex digits cannot be "
            "compared; they come from different versions of the package"
        )
    octets = np.frombuffer(bytes.fromhex("".join(hashes)), np.uint8).reshape(len(hashes), -1)
    return np.unpackbits(octets, axis=1).astype(np.float32) * 2 - 1


def _likeness(signs: np.ndarray, distance: int) -> float:
    """Return the smallest product of two rows of signs that differ in at most `distance` bits."""
    return signs.shape[1] - 2 * distance


def _join(numbers: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Give the clusters of `rows` and `columns`, pair by pair, one number."""
    # Here, because prediction needs no scipy, and an installation for it alone has none.
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    edges = (np.ones(len(rows), bool), (numbers[rows], numbers[columns]))
    graph = coo_matrix(edges, shape=(len(numbers), len(numbers)))
    return connected_components(graph, directed=False)[1][numbers]
