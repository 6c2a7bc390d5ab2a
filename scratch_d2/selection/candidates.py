"""The photographs of a prediction run, to choose from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from scratch_d2.evaluation.results_io import ROWS
from scratch_d2.structures.labels import UNJUDGED
from scratch_d2.structures.run_record import RunRecord, check_run_folder, find_rows


@dataclass(frozen=True, eq=False)
class Candidates:
    """N photographs with what the models gave.

    Attributes:
        files: [N], as the run named them.
        verdict: [N], "good", "bad" or "review".
        area: [N] float64, in the unit of the run's thresholds; 0 if the gate alone decided.
        p_bad: [N] float64 in 0..1.
        unjudged: [N], why no model can judge the photograph, "" for most.
        errors: sentences on photographs that the run could not inspect.
    """

    files: list[Path]
    verdict: list[str]
    area: np.ndarray
    p_bad: np.ndarray
    unjudged: list[str]
    errors: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.files)

    def select(self, rows: np.ndarray) -> Candidates:
        """Return the rows of [M] int indices, in their order, without the errors."""
        texts = {n: [getattr(self, n)[i] for i in rows] for n in ("files", "verdict", "unjudged")}
        return Candidates(**texts, area=self.area[rows], p_bad=self.p_bad[rows])


def read_run(folder: str | Path) -> tuple[RunRecord, Candidates]:
    """Read the output folder of scratch-d2 predict; of a file with several rows, the last counts.

    Raises FileNotFoundError if the folder holds no results, or its photographs are elsewhere,
    ValueError naming file and line if a row is damaged or has no score of a gate.
    """
    folder = Path(folder)
    find_rows(folder)
    record = RunRecord.read(folder)
    if record is None:
        raise FileNotFoundError(
            f"{str(folder)!r} holds no settings.json; name the output folder of scratch-d2 predict"
        )
    check_run_folder(folder)
    rows: dict[str, dict[str, Any]] = {}
    for number, line in enumerate((folder / ROWS).read_text("utf-8").splitlines(), 1):
        row = _read_row(line, f"{folder / ROWS}, line {number}")
        rows[row["file"]] = row
    judged = [row for row in rows.values() if row["status"] == "ok"]
    reasons = [str(row.get("reason", "")) for row in judged]
    return record, Candidates(
        [Path(row["file"]) for row in judged],
        [row["verdict"] for row in judged],
        np.array([row["area"] for row in judged], float),
        np.array([row["p_bad"] for row in judged], float),
        [reason[reason.index(UNJUDGED) :] if UNJUDGED in reason else "" for reason in reasons],
        [str(row.get("error")) for row in rows.values() if row["status"] != "ok"],
    )


def _read_row(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
        if not isinstance(row, dict):
            raise ValueError(f"a dict is expected, not {row!r}")
        _check(row)
    except KeyError as error:
        raise ValueError(
            f"{where}: the row lacks {error}; predict these photographs again"
        ) from None
    except ValueError as error:
        raise ValueError(
            f"{where}: not a row of results ({error}); scratch-d2 predict --resume completes an "
            "interrupted run"
        ) from None
    if row["status"] == "ok" and row["p_bad"] is None:
        raise ValueError(
            f"{where}: {row['file']!r} has no score of the gate; predict these photographs again "
            "with a gate, because the choice needs its scores"
        )
    return row


def _check(row: Mapping[str, Any]) -> None:
    """Raise ValueError if a value is not usable, KeyError if it is missing."""
    if not isinstance(row["file"], str):
        raise ValueError(f"file is {row['file']!r}")
    if row["status"] != "ok":
        return
    p_bad, area = row["p_bad"], row["area"]
    for name, value, most in (("area", area, np.inf), ("p_bad", 0 if p_bad is None else p_bad, 1)):
        if type(value) not in (int, float) or not 0 <= value <= most or value == np.inf:
            raise ValueError(f"{name} is {value!r}")
    if row["verdict"] not in ("good", "bad", "review"):
        raise ValueError(f"verdict is {row['verdict']!r}")
