"""Optimizer, learning rate and gradient clipping as Detectron2's `solver` defines them."""

import torch
from fvcore.common.config import CfgNode
from fvcore.common.param_scheduler import (
    CompositeParamScheduler,
    ConstantParamScheduler,
    CosineParamScheduler,
    LinearParamScheduler,
    MultiStepParamScheduler,
    ParamScheduler,
)
from torch import nn
from torch.optim.lr_scheduler import LambdaLR


def make_optimizer(cfg: CfgNode, model: nn.Module) -> torch.optim.SGD:
    """Return SGD with the weight decay and rates of weights, norms and biases."""
    solver = cfg.SOLVER
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if not parameter.requires_grad:
                continue
            rate, decay = solver.BASE_LR, solver.WEIGHT_DECAY
            if isinstance(module, nn.BatchNorm2d) and solver.WEIGHT_DECAY_NORM is not None:
                decay = solver.WEIGHT_DECAY_NORM
            if name == "bias":
                rate *= solver.BIAS_LR_FACTOR
                if solver.WEIGHT_DECAY_BIAS is not None:
                    decay = solver.WEIGHT_DECAY_BIAS
            groups.setdefault((rate, decay), []).append(parameter)
    return torch.optim.SGD(
        [{"params": p, "lr": lr, "weight_decay": decay} for (lr, decay), p in groups.items()],
        lr=solver.BASE_LR,
        momentum=solver.MOMENTUM,
        nesterov=solver.NESTEROV,
    )


def lr_multiplier(cfg: CfgNode) -> ParamScheduler:
    """Return the factor on the learning rate as a function of the progress 0..1.

    Raises ValueError for steps that do not ascend, or BASE_LR_END above BASE_LR.
    """
    solver = cfg.SOLVER
    main: ParamScheduler
    if solver.LR_SCHEDULER_NAME == "WarmupMultiStepLR":
        steps = [step for step in solver.STEPS if step <= solver.MAX_ITER]
        values = [solver.GAMMA**count for count in range(len(steps) + 1)]
        try:
            main = MultiStepParamScheduler(values, solver.MAX_ITER, steps)
        except ValueError as error:
            raise ValueError(f"SOLVER.STEPS is {list(solver.STEPS)}: {error}") from None
    else:
        end = solver.BASE_LR_END / solver.BASE_LR
        if not 0 <= end <= 1:
            raise ValueError(
                f"SOLVER.BASE_LR_END is {solver.BASE_LR_END}; accepted is 0 to SOLVER.BASE_LR, "
                f"{solver.BASE_LR}"
            )
        main = CosineParamScheduler(1, end)
    length = min(solver.WARMUP_ITERS / solver.MAX_ITER, 1.0)
    start = solver.WARMUP_FACTOR * main(0.0)
    reached = main(0.0) if solver.RESCALE_INTERVAL else main(length)
    linear = solver.WARMUP_METHOD == "linear"
    warmup = LinearParamScheduler(start, reached) if linear else ConstantParamScheduler(start)
    scaling = "rescaled" if solver.RESCALE_INTERVAL else "fixed"
    return CompositeParamScheduler([warmup, main], [length, 1 - length], ["rescaled", scaling])


def make_schedule(cfg: CfgNode, optimizer: torch.optim.Optimizer) -> LambdaLR:
    """Return a schedule to be stepped once per iteration."""
    multiplier, last = lr_multiplier(cfg), cfg.SOLVER.MAX_ITER
    return LambdaLR(optimizer, lambda iteration: multiplier(min(iteration, last) / last))


def clip_gradients(cfg: CfgNode, optimizer: torch.optim.Optimizer) -> None:
    """Clip the gradient of each parameter on its own, by value or by norm, if asked for."""
    clip = cfg.SOLVER.CLIP_GRADIENTS
    if not clip.ENABLED:
        return
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    if clip.CLIP_TYPE != "norm":
        nn.utils.clip_grad_value_(parameters, clip.CLIP_VALUE)
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    # All in few calls: on a GPU a call for each costs more than the work that it does.
    norms = torch.stack(torch._foreach_norm(gradients, clip.NORM_TYPE))
    factors = (clip.CLIP_VALUE / (norms + 1e-6)).clamp(max=1.0)
    torch._foreach_mul_(gradients, list(factors.unbind()))
