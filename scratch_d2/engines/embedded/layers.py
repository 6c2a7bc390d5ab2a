"""Convolution with normalisation, under Detectron2's parameter names."""

import torch
from torch import nn
from torch.nn import functional as F


class FrozenBatchNorm2d(nn.Module):
    """Batch normalisation with fixed statistics, scale and shift, all of them buffers.

    Args:
        counted: also hold `num_batches_tracked`, as a batch norm that was frozen later does.
    """

    weight: torch.Tensor
    bias: torch.Tensor
    running_mean: torch.Tensor
    running_var: torch.Tensor

    def __init__(self, channels: int, counted: bool = False, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", torch.ones(channels))
        self.register_buffer("bias", torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels) - (0 if counted else eps))
        self.register_buffer("num_batches_tracked", torch.tensor(0) if counted else None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise [N, C, H, W]; the type is kept, also in half precision."""
        if not x.requires_grad:
            return F.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        # batch_norm would compute and keep gradients for the fixed scale and shift.
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - self.running_mean * scale
        return x * scale.to(x.dtype)[:, None, None] + shift.to(x.dtype)[:, None, None]


def make_norm(name: str, channels: int, frozen: bool = False) -> nn.Module:
    """Return the normalisation "FrozenBN" or "BN"; a frozen "BN" keeps its statistics."""
    if name == "FrozenBN" or frozen:
        return FrozenBatchNorm2d(channels, counted=name == "BN")
    return nn.BatchNorm2d(channels)


class Conv2d(nn.Conv2d):
    """A convolution that owns the normalisation and the ReLU after it."""

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        norm: nn.Module | None = None,
        relu: bool = False,
    ) -> None:
        super().__init__(
            channels_in,
            channels_out,
            kernel,
            stride,
            padding=kernel // 2,
            groups=groups,
            bias=norm is None,
        )
        self.norm = norm
        self.relu = relu

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve [N, C, H, W], normalise, rectify."""
        x = super().forward(x)
        if self.norm is not None:
            x = self.norm(x)
        return F.relu_(x) if self.relu else x
