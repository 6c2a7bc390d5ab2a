"""ResNet-50/101/152 with a feature pyramid: the levels p2 to p6 of an image."""

import torch
from fvcore.common.config import CfgNode
from fvcore.nn.weight_init import c2_msra_fill, c2_xavier_fill
from torch import nn
from torch.nn import functional as F

from scratch_d2.engines.embedded.layers import Conv2d, make_norm

BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
# Images are padded to multiples of the stride of res5, as Detectron2's FPN asks for.
SIZE_DIVISIBILITY = 32


class Bottleneck(nn.Module):
    """Residual block of 1x1, 3x3 and 1x1 convolutions (He et al. 2016, figure 5 right)."""

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        middle: int,
        stride: int,
        groups: int,
        stride_in_1x1: bool,
        norm: str,
        frozen: bool,
    ) -> None:
        super().__init__()
        strides = (stride, 1) if stride_in_1x1 else (1, stride)

        def conv(
            a: int, b: int, kernel: int, stride: int = 1, groups: int = 1, relu: bool = False
        ) -> Conv2d:
            return Conv2d(a, b, kernel, stride, groups, make_norm(norm, b, frozen), relu)

        projected = channels_in != channels_out
        self.shortcut = conv(channels_in, channels_out, 1, stride) if projected else None
        self.conv1 = conv(channels_in, middle, 1, strides[0], relu=True)
        self.conv2 = conv(middle, middle, 3, strides[1], groups, relu=True)
        self.conv3 = conv(middle, channels_out, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map [N, C, H, W] to [N, C', H / stride, W / stride]."""
        out = self.conv3(self.conv2(self.conv1(x)))
        out += x if self.shortcut is None else self.shortcut(x)
        return F.relu_(out)


class Stem(nn.Module):
    """7x7 convolution and max pooling, stride 4 in all."""

    def __init__(self, channels: int, norm: nn.Module) -> None:
        super().__init__()
        self.conv1 = Conv2d(3, channels, 7, stride=2, norm=norm, relu=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map [N, 3, H, W] to [N, C, H / 4, W / 4]."""
        return F.max_pool2d(self.conv1(x), kernel_size=3, stride=2, padding=1)


class ResNet(nn.Module):
    """The four stages res2 to res5, strides 4, 8, 16 and 32."""

    res2: nn.Sequential
    res3: nn.Sequential
    res4: nn.Sequential
    res5: nn.Sequential

    def __init__(self, cfg: CfgNode) -> None:
        super().__init__()
        resnet, freeze_at = cfg.MODEL.RESNETS, cfg.MODEL.BACKBONE.FREEZE_AT
        stem_norm = make_norm(resnet.NORM, resnet.STEM_OUT_CHANNELS, freeze_at >= 1)
        self.stem = Stem(resnet.STEM_OUT_CHANNELS, stem_norm)
        channels = resnet.STEM_OUT_CHANNELS
        self.channels: dict[str, int] = {}
        for stage, count in enumerate(BLOCKS[resnet.DEPTH], start=2):
            widening = 2 ** (stage - 2)
            blocks = []
            for index in range(count):
                out = resnet.RES2_OUT_CHANNELS * widening
                blocks.append(
                    Bottleneck(
                        channels,
                        out,
                        middle=resnet.NUM_GROUPS * resnet.WIDTH_PER_GROUP * widening,
                        stride=2 if index == 0 and stage > 2 else 1,
                        groups=resnet.NUM_GROUPS,
                        stride_in_1x1=resnet.STRIDE_IN_1X1,
                        norm=resnet.NORM,
                        frozen=freeze_at >= stage,
                    )
                )
                channels = out
            self.add_module(f"res{stage}", nn.Sequential(*blocks))
            self.channels[f"res{stage}"] = channels
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                c2_msra_fill(module)
        self._freeze(freeze_at)

    def _freeze(self, freeze_at: int) -> None:
        """Stop the gradients of the stem from 1 on, of res2 from 2 on, and so forth."""
        for level, part in enumerate([self.stem, self.res2, self.res3, self.res4, self.res5], 1):
            for parameter in part.parameters():
                parameter.requires_grad &= level > freeze_at

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return the features res2 to res5 of [N, 3, H, W]."""
        x = self.stem(x)
        features = []
        for stage in (self.res2, self.res3, self.res4, self.res5):
            x = stage(x)
            features.append(x)
        return features


class FPN(nn.Module):
    """Feature pyramid (Lin et al. 2017) on a ResNet; p6 is p5 at half the resolution."""

    fpn_lateral5: Conv2d
    fpn_output5: Conv2d

    def __init__(self, cfg: CfgNode) -> None:
        super().__init__()
        bottom_up, width = ResNet(cfg), cfg.MODEL.FPN.OUT_CHANNELS
        for stage, channels in enumerate(bottom_up.channels.values(), start=2):
            self.add_module(f"fpn_lateral{stage}", Conv2d(channels, width, 1))
            self.add_module(f"fpn_output{stage}", Conv2d(width, width, 3))
        for module in self.children():
            c2_xavier_fill(module)
        # Last, as in Detectron2: the optimizer's state in a checkpoint goes by this order.
        self.bottom_up = bottom_up

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return {"p2": [N, C, H / 4, W / 4], ..., "p6": [N, C, H / 64, W / 64]}.

        Args:
            x: [N, 3, H, W] normalised images; H and W are multiples of SIZE_DIVISIBILITY.
        """
        stages = self.bottom_up(x)
        merged = self.fpn_lateral5(stages[-1])
        levels = {"p5": self.fpn_output5(merged)}
        for stage in (4, 3, 2):
            upper = F.interpolate(merged, scale_factor=2.0, mode="nearest")
            merged = self.get_submodule(f"fpn_lateral{stage}")(stages[stage - 2]) + upper
            levels[f"p{stage}"] = self.get_submodule(f"fpn_output{stage}")(merged)
        levels["p6"] = F.max_pool2d(levels["p5"], kernel_size=1, stride=2)
        return levels
