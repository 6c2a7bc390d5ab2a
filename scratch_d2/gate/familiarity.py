"""How far an image is from the Good training images, in the features of the gate.

A gate that has seen labels alone may call any other surface Good with great certainty. So a Good
verdict has to look like the Good images of the training: close to the subspace in which most of
their features lie (probabilistic PCA, M. Tipping and C. Bishop 1999). Features of a middle stride
tell surfaces apart; the last ones know little more than damage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from scratch_d2.gate.preprocess import STRIDE

# Dimensions of the subspace, and how many images each needs at least.
DIMENSIONS = 32
IMAGES_PER_DIMENSION = 3
FEWEST = 2 * IMAGES_PER_DIMENSION * 4
# So many Good images may be odd themselves; others may be a little farther away than those.
ODD_SHARE = 0.01
TOLERANCE = 1.15
SEED = 0


@dataclass(frozen=True, eq=False)
class Familiarity:
    """What the features [C] of Good images look like.

    Attributes:
        mean: [C] float32.
        basis: [K, C] float32, orthonormal directions in which they vary most.
        variances: [K] float32, mean square along each.
        rest: mean of the square of what is left.
        limit: an image is unfamiliar from this distance on.
        stride: of the features, px in the network's input.
    """

    mean: np.ndarray
    basis: np.ndarray
    variances: np.ndarray
    rest: float
    limit: float
    stride: int

    @classmethod
    def learn(cls, features: np.ndarray, stride: int) -> Familiarity | None:
        """Learn from the features [N, C] of Good images at a stride; None if they are too few.

        Half of the images say in which directions features vary, the other half how far: on the
        images that a direction was chosen by, all distances would be too short.
        """
        if len(features) < FEWEST:
            return None
        order = np.random.default_rng(SEED).permutation(len(features))
        first, second = (features[half].astype(np.float64) for half in np.array_split(order, 2))
        mean = first.mean(axis=0)
        count = min(DIMENSIONS, len(first) // IMAGES_PER_DIMENSION, features.shape[1])
        basis = np.linalg.svd(first - mean, full_matrices=False)[2][:count]
        along, left = _parts(second, mean, basis)
        tiny = 1e-12 + 1e-6 * float((second - mean).var())
        variances, rest = (along**2).mean(axis=0) + tiny, float(left.mean()) + tiny
        mean, basis, variances = (a.astype(np.float32) for a in (mean, basis, variances))
        model = cls(mean, basis, variances, rest, np.inf, stride)
        farthest = float(np.quantile(model.distances(second), 1 - ODD_SHARE))
        return replace(model, limit=TOLERANCE * farthest)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Familiarity:
        """Rebuild from `to_dict`, whose arrays may have become tensors.

        Earlier versions named no stride: their features were the last ones.
        """
        arrays = {name: np.asarray(values[name]) for name in ("mean", "basis", "variances")}
        rest, limit = float(values["rest"]), float(values["limit"])
        stride = int(values["stride"]) if "stride" in values else STRIDE
        return cls(**arrays, rest=rest, limit=limit, stride=stride)

    def to_dict(self) -> dict[str, Any]:
        """Return the arrays and numbers by name."""
        return asdict(self)

    def distances(self, features: np.ndarray) -> np.ndarray:
        """Return [N] float64: the distance of N images by their features [N, C].

        It is the root of two means added up: of the squares along the directions, each as a share
        of its variance, and of the square that is left, as a share of `rest`.
        """
        along, left = _parts(features, self.mean, self.basis)
        return np.sqrt((along**2 / self.variances).mean(axis=1) + left / self.rest)

    def doubt(self, distance: float) -> str | None:
        """Say why an image at a distance cannot be called Good; None if it can."""
        if distance < self.limit:
            return None
        return (
            "it looks unlike the Good images that the gate was trained on "
            f"(distance {distance:.3g}, limit {self.limit:.3g})"
        )


def _parts(features: np.ndarray, mean: np.ndarray, basis: np.ndarray) -> tuple[Any, Any]:
    """Return what lies along the directions, [N, K], and the square of the rest, [N]."""
    apart = features.astype(np.float64) - mean
    along = apart @ basis.T
    return along, np.maximum((apart**2).sum(axis=1) - (along**2).sum(axis=1), 0)
