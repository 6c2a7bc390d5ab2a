"""The trained gate: loads a checkpoint and returns p(Bad) of images."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

from scratch_d2.checkpoints.files import read_checkpoint
from scratch_d2.checkpoints.precision import autocast, in_precision
from scratch_d2.gate.familiarity import Familiarity
from scratch_d2.gate.network import GateNetwork, max_pool_logits
from scratch_d2.gate.preprocess import STRIDE, Preprocessing
from scratch_d2.utils.batching import group_by_padding
from scratch_d2.utils.device import pick_device

# Where a checkpoint holds what `Familiarity.to_dict` returns.
FAMILIARITY = "familiarity"


class Look(NamedTuple):
    """What a gate sees in N images.

    Attributes:
        p_bad: [N] float32 in 0..1.
        features: [N, C] float32, the mean over the patches of the trunk's features at a stride.
    """

    p_bad: np.ndarray
    features: np.ndarray


class Gate:
    """Scores images: p(Bad) in 0..1 at a balanced prior of Good and Bad.

    Training weighs Bad images by n(Good) / n(Bad), so 0.5 means "as likely Bad as Good if both
    were equally common", not the share of Bad images among all with this score. Holds no state
    between calls.

    Attributes:
        info: the metadata of the checkpoint: model name, counts, prior, validation metrics.
        familiarity: what the features of Good training images look like; None if not known.
    """

    def __init__(
        self,
        model: GateNetwork,
        preprocessing: Preprocessing,
        device: str | torch.device = "cpu",
        info: Mapping[str, Any] | None = None,
        batch_size: int = 32,
        precision: str = "exact",
        familiarity: Familiarity | None = None,
    ) -> None:
        self.device, self.precision = torch.device(device), precision
        # The same numbers as in the default layout, 1.5 times as fast on a CPU.
        model = model.to(self.device).to(memory_format=torch.channels_last).eval()
        self.model = in_precision(model, precision)
        self.preprocessing = preprocessing
        self.info = dict(info or {})
        self.batch_size, self.familiarity = batch_size, familiarity

    @classmethod
    def load(cls, path: str | Path, device: str = "cpu", precision: str = "exact") -> "Gate":
        """Load a checkpoint of scratch-d2 train-gate, which brings its own preprocessing.

        Args:
            precision: "exact", "float32" or "bfloat16", see `scratch_d2.checkpoints.precision`.

        Raises FileNotFoundError, or ValueError naming the file and what is accepted.
        """
        content = read_checkpoint(path)
        info = gate_info(content, path)
        try:
            preprocessing = Preprocessing.from_dict(info["preprocessing"])
            model = GateNetwork(info["model"], width=info.get("width", 1.0))
            model.load_state_dict(content["model"])
        except (ValueError, KeyError, RuntimeError) as error:
            reason = str(error).splitlines()[-1].strip()
            raise ValueError(f"gate weights {str(path)!r} do not fit: {reason}") from None
        known = content.get(FAMILIARITY)
        return cls(
            model,
            preprocessing,
            pick_device(device),
            info,
            precision=precision,
            familiarity=Familiarity.from_dict(known) if known else None,
        )

    def __call__(self, images: list[np.ndarray]) -> np.ndarray:
        """Return p(Bad) [N] float32 of N images, HxWx3 uint8 RGB of any sizes.

        Raises ValueError for an array of another kind, FloatingPointError if a score is NaN or
        infinite.
        """
        return self.look(images).p_bad

    @torch.inference_mode()
    def look(self, images: list[np.ndarray], stride: int | None = None) -> "Look":
        """Return p(Bad) and features of N images in one pass; arguments and errors of a call.

        Args:
            stride: of the features, one that the network judges; None means `self.stride`.
        """
        stride, logits = stride or self.stride, torch.zeros(len(images))
        features = torch.zeros(len(images), self.model.channels[stride])
        for chunk, letterboxed in self._batches(images):
            with autocast(self.precision, self.device):
                final, finer = self.model.features(self._to_inputs(letterboxed))
                logits[chunk] = max_pool_logits(self.model.judge(final, finer)).cpu()
            features[chunk] = self.model.mean_features(final, finer, stride).cpu()
        if not logits.isfinite().all():
            index = int((~logits.isfinite()).nonzero()[0])
            raise FloatingPointError(
                f"the gate's score of image {index} is {logits[index]:g}, no finite number; its "
                "weights are damaged, or its training failed"
            )
        return Look(logits.sigmoid().numpy(), features.numpy())

    @property
    def stride(self) -> int:
        """The stride of the features that familiarity knows, or of the last ones."""
        return self.familiarity.stride if self.familiarity else STRIDE

    def embed(self, images: list[np.ndarray]) -> np.ndarray:
        """Return what the trunk sees in N images, [N, C] float32; alike images are close.

        An embedding is the mean of the trunk's last features over the patches of an image, scaled
        to length 1. C is the number of the trunk's channels.

        Args:
            images: HxWx3 uint8 RGB of any sizes.
        """
        features = self.look(images, STRIDE).features
        return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)

    @torch.inference_mode()
    def patch_map(self, image: np.ndarray) -> np.ndarray:
        """Return p(Bad) of each place of an image, HxW float32 in 0..1.

        It is the sigmoid of the mean of the patch logits at all strides, interpolated.

        Args:
            image: HxWx3 uint8 RGB.
        """
        letterboxed = self.preprocessing.letterbox(image)
        pixels = torch.from_numpy(letterboxed).permute(2, 0, 1)[None]
        with autocast(self.precision, self.device):
            maps = self.model(self._to_inputs(pixels))
        size = letterboxed.shape[:2]
        logits = [F.interpolate(m[:, None].float(), size, mode="bilinear")[0, 0] for m in maps]
        mean = torch.stack(logits).mean(dim=0).sigmoid().cpu().numpy()
        return self.preprocessing.undo_letterbox(mean, *image.shape[:2])

    @torch.inference_mode()
    def logits(self, letterboxed: torch.Tensor) -> torch.Tensor:
        """Return logits [N] float32, on the gate's device, of letterboxed [N, 3, H, W] uint8."""
        with autocast(self.precision, self.device):
            return max_pool_logits(self.model(self._to_inputs(letterboxed)))

    def _batches(self, images: list[np.ndarray]) -> Iterator[tuple[list[int], torch.Tensor]]:
        """Yield indices of images that need the same padding, and them as [n, 3, H, W] uint8."""
        letterboxed = [self.preprocessing.letterbox(image) for image in images]
        for members in group_by_padding([each.shape[:2] for each in letterboxed], STRIDE):
            for start in range(0, len(members), self.batch_size):
                chunk = members[start : start + self.batch_size]
                stacked = torch.from_numpy(np.stack([letterboxed[index] for index in chunk]))
                yield chunk, stacked.permute(0, 3, 1, 2)

    def _to_inputs(self, letterboxed: torch.Tensor) -> torch.Tensor:
        """Return [N, 3, H, W] uint8 as the network takes it, on the gate's device."""
        if self.device.type == "cuda":
            letterboxed = letterboxed.pin_memory()
        inputs = self.preprocessing.normalise(letterboxed.to(self.device, non_blocking=True))
        return inputs.contiguous(memory_format=torch.channels_last)


def gate_info(content: Mapping[str, Any], path: str | Path) -> dict[str, Any]:
    """Return the metadata of a gate checkpoint; raises ValueError for any other checkpoint."""
    info = content.get("gate")
    if isinstance(info, Mapping) and {"preprocessing", "model"} <= info.keys():
        return dict(info)
    detector = any(name.startswith(("backbone.", "roi_heads.")) for name in content["model"])
    kind = "a detector's checkpoint" if detector else "without the gate's preprocessing"
    raise ValueError(
        f"gate weights {str(path)!r} are {kind}; accepted are files that scratch-d2 train-gate "
        "wrote, such as model_best.pth"
    )
