"""From the results of a prediction run to a folder of photographs to label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from scratch_d2.selection.candidates import Candidates, read_run
from scratch_d2.selection.choice import Choice, choose, most_doubtful
from scratch_d2.selection.labelled import Labelled, find_labelled
from scratch_d2.selection.output import refuse_selection, write_selection
from scratch_d2.selection.photographs import Embedder, are_labelled, group_photographs, look_at
from scratch_d2.structures.run_record import RunRecord

# The photographs of a run that are looked at, unless the user asks for more.
POOL = 5000
LISTED = 20


@dataclass(frozen=True)
class Selection:
    """What was chosen.

    Attributes:
        candidates: the photographs that could be chosen.
        choices: those that were, the one that teaches most first.
        unreadable: sentences on photographs that could not be read, now or by the run.
        notes: sentences on what was left out and what was compared.
    """

    candidates: Candidates
    choices: list[Choice]
    unreadable: list[str]
    notes: list[str]


@dataclass(frozen=True)
class Options:
    """Options of a selection.

    Attributes:
        count: photographs to choose.
        labelled: datasets of photographs that have a label; by default those that the gate was
            trained on, if a splits.json is beside its weights.
        gate: its checkpoint; by default that of the run.
        pool: photographs of the run to look at, at most.

    Raises ValueError naming a number that is not accepted.
    """

    count: int = 50
    labelled: Sequence[str] = ()
    gate: Path | None = None
    pool: int = POOL

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"count is {self.count}; accepted is 1 or more")
        if self.pool < self.count:
            raise ValueError(f"pool is {self.pool}; accepted is the count, {self.count}, or more")


def select_photographs(results: str | Path, output: str | Path, options: Options) -> Selection:
    """Choose photographs of a prediction run to label next, and put them into a folder.

    Args:
        results: the output folder of scratch-d2 predict.
        output: a folder without a selection. It is not written if there is nothing to choose.

    Raises FileNotFoundError or ValueError naming what cannot be used, FileExistsError if the
    folder holds a selection.
    """
    output = Path(output)
    refuse_selection(output)
    record, candidates = read_run(results)
    weights = options.gate or Path(record.gate_weights)
    gate = load_embedder(weights)
    known = find_labelled(options.labelled, weights)
    near = most_doubtful(candidates, record.thresholds, options.pool)
    notes = [known.note]
    if len(near) < len(candidates):
        notes.append(f"{len(near):,} of {len(candidates):,} photographs are looked at (--pool)")
    looked = candidates.select(near)
    selection = choose_among(looked, gate, known, record, options.count)
    unreadable = [*candidates.errors, *selection.unreadable]
    selection = replace(selection, unreadable=unreadable, notes=notes + selection.notes)
    if selection.choices:
        write_selection(output, selection.candidates, selection.choices)
    return selection


def choose_among(
    candidates: Candidates, gate: Embedder, known: Labelled, record: RunRecord, count: int
) -> Selection:
    """Look at candidates and labelled photographs, and choose; writes nothing."""
    seen = look_at(candidates.files, gate, record.white_level)
    readable = candidates.select(seen.readable)
    done = are_labelled(readable.files, seen.hashes, known.images)
    left = readable.select(np.flatnonzero(~done))
    hashes = [phash for phash, is_done in zip(seen.hashes, done) if not is_done]
    groups = group_photographs(left.files, hashes)
    labelled = look_at(known.files, gate, record.white_level)
    embeddings = seen.embeddings[~done]
    choices = choose(left, embeddings, labelled.embeddings, groups, record.thresholds, count)
    notes = []
    if done.any():
        notes.append(f"{done.sum():,} show a label that has one already, and are left out")
    if len(choices) < count:
        notes.append(
            f"only {len(choices):,} of {count:,} could be chosen: {len(left):,} photographs "
            f"without a label show {len(set(groups)):,} labels"
        )
    return Selection(left, choices, seen.errors + labelled.errors, notes)


def format_selection(selection: Selection) -> str:
    """Return the lines for the terminal: unreadable files, notes, reasons."""
    unreadable = selection.unreadable
    lines = [f"unreadable: {error}" for error in unreadable[:LISTED]]
    if len(unreadable) > LISTED:
        lines.append(f"unreadable: {len(unreadable) - LISTED} more")
    lines += selection.notes
    kinds = Counter(choice.reason.split(":")[0] for choice in selection.choices)
    lines += [f"{count:5,}  {kind}" for kind, count in kinds.most_common()]
    return "\n".join(lines)


def load_embedder(weights: Path) -> Embedder:
    """Load a gate; raises FileNotFoundError saying how to name one if it is not there."""
    if not weights.is_file():
        raise FileNotFoundError(
            f"gate {str(weights)!r}, which made these results, is not there; name one with --gate"
        )
    if weights.suffix in (".onnx", ".xml"):
        raise ValueError(
            f"a bundle made these results, and its gate {str(weights)!r} gives no features; "
            "name the checkpoint that it was exported from with --gate"
        )
    from scratch_d2.gate import Gate

    return Gate.load(weights, "cuda")  # the CPU takes over if there is none
