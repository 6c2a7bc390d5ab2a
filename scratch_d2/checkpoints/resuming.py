"""A run that is resumed: the rates of its config, and what must be as it was begun."""

import logging
from collections.abc import Iterable
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

# What an optimizer keeps per group of parameters, and a checkpoint brings back, beside the rate.
GROUP_SETTINGS = ("weight_decay", "momentum", "nesterov")
logger = logging.getLogger("scratch_d2")


def rates_of(optimizer: Optimizer, schedule: LRScheduler) -> list[dict[str, Any]]:
    """Return the base rate and `GROUP_SETTINGS` of each group, as the config has set them."""
    return [
        {"rate": rate, **{key: group[key] for key in GROUP_SETTINGS if key in group}}
        for rate, group in zip(schedule.base_lrs, optimizer.param_groups)
    ]


def keep_rates(optimizer: Optimizer, schedule: LRScheduler, wanted: list[dict[str, Any]]) -> None:
    """Put rates of the config back after a checkpoint's state has been loaded, in place.

    The schedule resumes, scaled to the new base rate. The log names what differs;
    if nothing does, nothing is touched.
    """
    changes: dict[str, None] = {}
    for index, (group, now) in enumerate(zip(optimizer.param_groups, wanted)):
        for key in GROUP_SETTINGS:
            if key in now and group.get(key) != now[key]:
                changes[f"{key} {now[key]} instead of {group.get(key)}"] = None
                group[key] = now[key]
        before = schedule.base_lrs[index]
        if before != now["rate"]:
            changes[f"the learning rate {now['rate']:g} instead of {before:g}"] = None
            group["lr"] = group["lr"] * now["rate"] / before if before else now["rate"]
            group["initial_lr"] = schedule.base_lrs[index] = now["rate"]
    if changes:
        schedule._last_lr = [group["lr"] for group in optimizer.param_groups]
        logger.info("the resumed run takes %s, as the config says", ", ".join(changes))


def refuse_changes(settings: Iterable[tuple[str, Any, Any]], folder: str, key: str) -> None:
    """Raise ValueError naming every setting that differs from that of the run to resume.

    Args:
        settings: name, value in the config, value in the checkpoint; None there is not known.
        folder: where the run is.
        key: which key of the config names another folder.
    """
    changed = [
        f"{name} is {now!r}, but the run to resume in {folder!r} has {before!r}"
        for name, now, before in settings
        if before is not None and now != before
    ]
    if changed:
        raise ValueError(f"{'; '.join(changed)}; set it so, or choose another {key}")
