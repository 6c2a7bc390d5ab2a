"""Whether a folder of photographs is enough to train, calibrate and test on."""

from collections.abc import Mapping, Sequence
from typing import Any

from scratch_d2.structures.dataset_dict import has_unknown_scratches, verdict_of
from scratch_d2.structures.labels import BAD

MIN_BAD = 5
Dicts = Sequence[Mapping[str, Any]]


def check_fine_tuning(folder: str, splits: Mapping[str, Dicts]) -> list[str]:
    """Return what limits a training on the splits of a folder, one sentence each.

    Args:
        folder: its name, for the messages.
        splits: dataset dicts by the names "train", "val" and "test".

    Raises ValueError if nothing can be learnt, chosen or tested: Bad or Good photographs are
    missing in all or in a split, there are fewer than five Bad ones, or all are one group.
    """
    dicts = [item for part in splits.values() for item in part]
    bad = [item for item in dicts if verdict_of(item) == BAD]
    good = len(dicts) - len(bad)
    if not bad or not good:
        raise ValueError(
            f"{folder!r} holds {good} Good and {len(bad)} Bad photographs; fine-tuning needs both"
        )
    if len(bad) < MIN_BAD:
        raise ValueError(
            f"{folder!r} holds {len(bad)} Bad photographs; fine-tuning needs {MIN_BAD} or more, as "
            "they are dealt to training, validation and test"
        )
    groups = {item["group"] for item in dicts}
    if len(groups) == 1:
        raise ValueError(
            f"all {len(dicts)} photographs in {folder!r} are one group: shots of one burst or "
            "near-duplicates, which must not be split. Add photographs of other labels, or set "
            "SCRATCH.BURST_GAP 0 SCRATCH.DUPLICATE_DISTANCE -1 if they show different ones"
        )
    for name, part in splits.items():
        verdicts = [verdict_of(item) == BAD for item in part]
        if all(verdicts) or not any(verdicts):
            raise ValueError(
                f"the {name} split of {folder!r} holds {verdicts.count(False)} Good and "
                f"{verdicts.count(True)} Bad photographs, and needs both; add photographs of other "
                "labels (shots of one label stay in one split)"
            )
    return _mask_notes(splits["train"])


def has_masks(dicts: Dicts) -> bool:
    """Whether any Bad photograph has its scratches marked, so that a detector can learn."""
    return any(verdict_of(d) == BAD and not has_unknown_scratches(d) for d in dicts)


def _mask_notes(train: Dicts) -> list[str]:
    bad = [item for item in train if verdict_of(item) == BAD]
    masked = sum(not has_unknown_scratches(item) for item in bad)
    if masked == len(bad):
        return []
    if not masked:
        return [
            f"none of the {len(bad)} Bad photographs for training has a mask: the gate learns from "
            "the verdicts, the detector from what both models find on them"
        ]
    return [
        f"{masked} of {len(bad)} Bad photographs for training have a mask: the detector learns "
        "from these, from the Good ones, and from what both models find on the others"
    ]
