"""Which images make which batch, and where a training run takes its random numbers from.

Both engines train on the same batches, cut and flipped alike, for the same seed, and a resumed run
continues with the batches that the unbroken one would have seen.
"""

import math
import pickle
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from fvcore.common.config import CfgNode
from torch.utils.data import DataLoader, Dataset

from scratch_d2.utils.shared_memory import workers_that_fit

DatasetDict = dict[str, Any]
Place = tuple[int, int, int]
# Samplers of Detectron2 (DATALOADER.SAMPLER_TRAIN) whose order both engines follow.
SAMPLERS = ("TrainingSampler", "RepeatFactorTrainingSampler")


def new_seed(cfg: CfgNode) -> int:
    """Return cfg.SEED, or a seed from the operating system if that is negative."""
    return cfg.SEED if cfg.SEED >= 0 else int(np.random.SeedSequence().generate_state(1)[0] >> 1)


def seed_iteration(seed: int, iteration: int, rank: int = 0, world: int = 1) -> None:
    """Seed the draws of anchors and proposals of one iteration, whatever came before it."""
    torch.manual_seed(seed + iteration * world + rank)


def name_shape(cfg: CfgNode, item: DatasetDict) -> Hashable:
    """Return in which company an image is trained on: that of others which need similar padding.

    DATALOADER.ASPECT_RATIO_GROUPING tells images that are wider than high from the others, as in
    Detectron2; SCRATCH.ASPECT_GROUPS parts either of them further, by how long they are.
    """
    if not cfg.DATALOADER.ASPECT_RATIO_GROUPING:
        return None
    short, long = sorted((item["width"], item["height"]))
    squareness = (short * cfg.SCRATCH.ASPECT_GROUPS - 1) // long
    return item["width"] > item["height"], squareness


def repeat_factors(cfg: CfgNode, dicts: Sequence[DatasetDict]) -> torch.Tensor | None:
    """Return how often each image comes, [N] float32, as Detectron2's REPEAT_THRESHOLD says.

    With a share f of scratched images, those come max(1, t / f) times, or its square root
    (A. Gupta et al., "LVIS", 2019, appendix B.2). None if the sampler repeats nothing.
    """
    if cfg.DATALOADER.SAMPLER_TRAIN == "TrainingSampler":
        return None
    scratched = torch.tensor([bool(item.get("annotations")) for item in dicts])
    ratio = cfg.DATALOADER.REPEAT_THRESHOLD / max(scratched.double().mean().item(), 1e-9)
    factor = max(1.0, math.sqrt(ratio) if cfg.DATALOADER.get("REPEAT_SQRT", True) else ratio)
    return torch.where(scratched, factor, 1.0).float()


@dataclass
class TrainingOrder:
    """Batches of (seed, position, index) without end: all images, shuffled, again and again.

    The order is that of Detectron2's TrainingSampler for the same seed, or, with repeats, of its
    RepeatFactorTrainingSampler; batches form as in its AspectRatioGroupedDataset.

    Attributes:
        shapes: for each image, a name of its shape; a batch holds images of one shape.
        batch: images per batch of this process.
        seed: fixes order and augmentation.
        repeats: [N] float, how often each image comes in one round, on average; None for once.
        rank: this process, of `world` that share the images.
        start: batches to leave out, those that a resumed run has seen.
    """

    shapes: Sequence[Hashable]
    batch: int
    seed: int
    repeats: torch.Tensor | None = None
    rank: int = 0
    world: int = 1
    start: int = 0

    def __iter__(self) -> Iterator[list[Place]]:
        return islice(self._batches(), self.start, None)

    def _batches(self) -> Iterator[list[Place]]:
        waiting: dict[Hashable, list[Place]] = {}
        for position, index in islice(enumerate(self._indices()), self.rank, None, self.world):
            group = waiting.setdefault(self.shapes[index], [])
            group.append((self.seed, position, index))
            if len(group) == self.batch:
                yield list(group)
                group.clear()

    def _indices(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed)
        while True:
            indices = torch.arange(len(self.shapes))
            if self.repeats is not None:
                drawn = torch.rand(len(self.repeats), generator=generator) < self.repeats.frac()
                indices = indices.repeat_interleave(self.repeats.long() + drawn)
            yield from indices[torch.randperm(len(indices), generator=generator)].tolist()


class TrainingImages(Dataset):
    """Map dataset dicts to what a model trains on.

    Before each call of the mapper NumPy's global generator, from which Detectron2's augmentations
    draw, is seeded with the place of the image in the run, whatever the workers.
    """

    def __init__(self, dicts: list[DatasetDict], mapper: Callable[[DatasetDict], Any]) -> None:
        # One array, as in Detectron2's DatasetFromList: workers share it, while every look at a
        # Python object would copy the memory page that it lies in.
        pickled = [pickle.dumps(item, pickle.HIGHEST_PROTOCOL) for item in dicts]
        self._ends = np.cumsum([0, *map(len, pickled)])
        self._pickled = np.frombuffer(b"".join(pickled), dtype=np.uint8)
        self._mapper = mapper

    def __getitem__(self, place: Place) -> Any:
        seed, position, index = place
        np.random.seed([seed, position])
        start, end = self._ends[index : index + 2]
        return self._mapper(pickle.loads(self._pickled[start:end].data))


def image_bytes(cfg: CfgNode) -> int:
    """Return what a training image with its masks takes at most: float32, and 8 masks."""
    return max(cfg.INPUT.MIN_SIZE_TRAIN) * cfg.INPUT.MAX_SIZE_TRAIN * (3 * 4 + 8)


def training_loader(
    cfg: CfgNode,
    dicts: list[DatasetDict],
    mapper: Callable[[DatasetDict], Any],
    seed: int,
    repeats: torch.Tensor | None = None,
    rank: int = 0,
    world: int = 1,
    start: int = 0,
) -> DataLoader:
    """Return a loader of lists of mapped images without the first `start` lists.

    Its `batch_sampler` is a TrainingOrder.

    Raises ValueError if there is no image to train on, or a batch cannot be shared equally.
    """
    if not dicts:
        raise ValueError(f"DATASETS.TRAIN {list(cfg.DATASETS.TRAIN)} hold no image to train on")
    if cfg.SOLVER.IMS_PER_BATCH % world:
        raise ValueError(
            f"SOLVER.IMS_PER_BATCH is {cfg.SOLVER.IMS_PER_BATCH}; accepted are multiples of the "
            f"{world} processes"
        )
    batch, shapes = cfg.SOLVER.IMS_PER_BATCH // world, [name_shape(cfg, item) for item in dicts]
    return DataLoader(
        TrainingImages(dicts, mapper),
        batch_sampler=TrainingOrder(shapes, batch, seed, repeats, rank, world, start),
        num_workers=workers_that_fit(cfg.DATALOADER.NUM_WORKERS, batch * image_bytes(cfg)),
        collate_fn=list,
        # Its own generator, or making an iterator would draw from the one of the training.
        generator=torch.Generator().manual_seed(seed),
    )
