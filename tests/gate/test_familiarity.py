import numpy as np
import pytest

from scratch_d2.gate.familiarity import FEWEST, Familiarity

CHANNELS = 40


def features(count: int, seed: int = 0, shift: float = 0.0) -> np.ndarray:
    """Features that vary much along one direction and little along all others."""
    rng = np.random.default_rng(seed)
    small = rng.normal(0, 0.1, (count, CHANNELS))
    large = rng.normal(0, 5.0, (count, 1)) * np.eye(1, CHANNELS)
    return (small + large + shift * np.eye(1, CHANNELS, k=7)).astype(np.float32)


@pytest.fixture(scope="module")
def known() -> Familiarity:
    return Familiarity.learn(features(400), stride=16)


def test_hardly_any_image_like_those_of_the_training_is_doubted(known):
    doubted = [d for d in known.distances(features(1000, seed=1)) if known.doubt(d)]
    assert len(doubted) <= 10


def test_a_shift_counts_by_how_far_good_images_spread_along_it(known):
    near = known.distances(features(200, seed=2, shift=0.1))
    far = known.distances(features(200, seed=2, shift=2.0))
    assert np.mean(near >= known.limit) < 0.05
    assert np.all(far >= known.limit)
    along = np.zeros((1, CHANNELS), np.float32)
    along[0, 0] = 5.0  # one deviation, where the shift of 2 was twenty
    assert known.distances(along)[0] < known.limit


def test_the_doubt_states_distance_and_limit(known):
    assert known.doubt(known.limit * 0.99) is None
    text = known.doubt(10 * known.limit)
    assert text.startswith("it looks unlike the Good images that the gate was trained on")
    assert f"limit {known.limit:.3g}" in text


def test_too_few_images_teach_nothing():
    assert Familiarity.learn(features(FEWEST - 1), 16) is None
    assert Familiarity.learn(features(FEWEST), 16) is not None


def test_equal_images_leave_finite_distances():
    known = Familiarity.learn(np.ones((50, CHANNELS), np.float32), 16)
    assert np.isfinite(known.distances(np.ones((1, CHANNELS), np.float32))).all()
    assert known.doubt(known.distances(np.full((1, CHANNELS), 2.0))[0]) is not None


def test_it_survives_a_checkpoint(known):
    again = Familiarity.from_dict(known.to_dict())
    assert np.array_equal(again.distances(features(5)), known.distances(features(5)))
    assert (again.limit, again.stride) == (known.limit, 16)


def test_a_checkpoint_that_names_no_stride_has_the_last_features(known):
    saved = known.to_dict()
    del saved["stride"]
    assert Familiarity.from_dict(saved).stride == 32
