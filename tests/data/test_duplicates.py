import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.sparse.csgraph import connected_components

from scratch_d2.data import duplicates
from scratch_d2.data.duplicates import (
    DISTANCE,
    cluster_duplicates,
    near_duplicates,
    perceptual_hash,
)
from scratch_d2.data.groups import find_bursts
from scratch_d2.data.images import read_image
from scratch_d2.synthetic.dataset import write_dataset

HASHES = st.lists(st.integers(0, 2**8 - 1).map("{:02x}".format), max_size=12)
DISTANCES = st.integers(-1, 8)


@pytest.fixture(autouse=True, scope="module")
def small_blocks():
    """Several blocks for a dozen hashes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "BLOCK", 3)
        yield


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> list[np.ndarray]:
    """One rendered photograph of each of ten labels or so."""
    root = tmp_path_factory.mktemp("rendered")
    write_dataset(root, 20, seed=2, workers=1, progress=False)
    bursts = find_bursts(root.glob("good/*.png"))
    return [read_image(path) for path in bursts if path.stem == bursts[path]]


def distances(rows: list[str], columns: list[str]) -> np.ndarray:
    bits = [[bin(int(a, 16) ^ int(b, 16)).count("1") for b in columns] for a in rows]
    return np.array(bits).reshape(len(rows), len(columns))


@given(HASHES, DISTANCES)
def test_clusters_are_the_components_of_near_pairs(hashes, distance):
    numbers = cluster_duplicates(hashes, distance)
    _, expected = connected_components(distances(hashes, hashes) <= distance)
    np.testing.assert_array_equal(numbers[:, None] == numbers, expected[:, None] == expected)


@given(HASHES, HASHES, DISTANCES)
def test_the_nearest_of_the_pool_is_found(queries, pool, distance):
    found = near_duplicates(queries, pool, distance)
    assert found.shape == (len(queries),)
    for row, index in zip(distances(queries, pool), found):
        within = len(pool) and row.min() <= distance
        assert index == (row.argmin() if within else -1)


def test_hashes_of_another_version_are_refused():
    with pytest.raises(ValueError, match="hashes of 2 and 4 hex digits cannot be compared"):
        near_duplicates(["00"], ["0000"], 1)


def encode_as_jpeg(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=60)
    return Image.open(file).convert("RGB")


@pytest.mark.parametrize(
    "change",
    [
        encode_as_jpeg,
        lambda image: image.resize((image.width // 2, image.height // 2)),
        lambda image: image.point(lambda value: 0.85 * value),
    ],
    ids=["jpeg", "half", "darker"],
)
def test_the_same_photograph_is_known_again(photographs, change):
    hashes = [perceptual_hash(image) for image in photographs]
    again = [perceptual_hash(np.asarray(change(Image.fromarray(i)))) for i in photographs]
    assert len(hashes) > 5
    np.testing.assert_array_equal(near_duplicates(again, hashes, DISTANCE), range(len(hashes)))


def test_labels_of_one_typeface_are_different(photographs):
    hashes = [perceptual_hash(image) for image in photographs]
    assert len(set(cluster_duplicates(hashes, DISTANCE))) == len(photographs)
