import pytest

from scratch_d2.data.readiness import check_fine_tuning, has_masks


def part(good: int, bad: int, masked: int = 0, group: str | None = None) -> list[dict]:
    """Dataset dicts of which the first `masked` Bad ones have their scratches marked."""
    verdicts = ["good"] * good + ["bad"] * bad
    items = []
    for index, verdict in enumerate(verdicts):
        known = index - good < masked
        annotations = [{"iscrowd": int(not known)}] if verdict == "bad" else []
        name = group or f"{id(verdicts)}-{index}"
        items.append({"verdict": verdict, "group": name, "annotations": annotations})
    return items


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ((part(9, 0), part(2, 0), part(2, 0)), "13 Good and 0 Bad photographs; .* needs both"),
        ((part(0, 6), part(0, 2), part(0, 2)), "0 Good and 10 Bad photographs"),
        ((part(9, 2), part(2, 1), part(2, 1)), "holds 4 Bad photographs; .* needs 5 or more"),
        ((part(9, 9, 9, "a"), [], []), "all 18 photographs in 'labels' are one group"),
        ((part(9, 9), part(3, 0), part(2, 2)), "the val split of 'labels' holds 3 Good and 0 Bad"),
        ((part(9, 9), part(3, 3), part(0, 2)), "the test split of 'labels' holds 0 Good and 2 Bad"),
    ],
)
def test_a_folder_that_is_not_enough_is_refused(splits, message):
    with pytest.raises(ValueError, match=message):
        check_fine_tuning("labels", dict(zip(("train", "val", "test"), splits)))


@pytest.mark.parametrize(
    ("masked", "notes"),
    [
        (6, []),
        (2, ["2 of 6 Bad photographs for training have a mask: the detector learns from these"]),
        (0, ["none of the 6 Bad photographs for training has a mask: the gate learns"]),
    ],
)
def test_missing_masks_are_told(masked, notes):
    train = part(9, 6, masked)
    found = check_fine_tuning("labels", {"train": train, "val": part(2, 2), "test": part(2, 2)})
    assert len(found) == len(notes)
    assert all(sentence.startswith(note) for sentence, note in zip(found, notes))
    assert has_masks(train) == (masked > 0)
