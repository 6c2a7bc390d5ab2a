"""What the folder of a prediction run says of the run."""

import json
from dataclasses import dataclass, fields
from pathlib import Path

from scratch_d2.structures.thresholds import RENAMED, Thresholds

ROWS, SETTINGS, SUMMARY = "results.jsonl", "settings.json", "summary.json"
TEXTS = ("weights", "gate_weights", "calibrated_on", "precision")
# Key of summary.json with the working directory of the run, to which names of files are relative.
RAN_IN = "folder"


@dataclass(frozen=True)
class RunRecord:
    """What settings.json says of a prediction run.

    Attributes:
        thresholds: those that judged.
        weights, gate_weights: the checkpoints, "" if there was no gate.
        calibrated_on: hash of the images on which the thresholds were chosen, "" if not known.
        white_level: SCRATCH.WHITE_LEVEL of the run.
        precision: in which the models proposed verdicts, "" if not known.
    """

    thresholds: Thresholds
    weights: str
    gate_weights: str
    calibrated_on: str
    white_level: float = 0.0
    precision: str = ""

    @classmethod
    def read(cls, folder: str | Path) -> "RunRecord | None":
        """Read settings.json of a folder of `scratch-d2 predict`; None if there is none.

        Raises ValueError naming the file if it is something else.
        """
        file = Path(folder) / SETTINGS
        if not file.is_file():
            return None
        try:
            stated = json.loads(file.read_text("utf-8"))
            names = {column.name for column in fields(Thresholds)} | RENAMED.keys()
            thresholds = Thresholds.from_dict({n: stated[n] for n in names & stated.keys()})
            texts = {name: str(stated.get(name) or "") for name in TEXTS}
            white_level = float(stated.get("white_level", 0.0))
            return cls(thresholds, **texts, white_level=white_level)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"{file}: not the settings of a prediction run ({error!r})") from None


def find_rows(folder: str | Path) -> Path:
    """Return results.jsonl of a results folder.

    Raises FileNotFoundError if there is none; it names what makes one of Parquet parts.
    """
    folder = Path(folder)
    if (folder / ROWS).is_file():
        return folder / ROWS
    if any(folder.glob("rows/*.parquet")):
        raise FileNotFoundError(
            f"{str(folder)!r} holds its rows in Parquet parts; `scratch-d2 merge {folder} --output "
            f"DIR` makes a folder with {ROWS} of them"
        )
    raise FileNotFoundError(
        f"{str(folder)!r} holds no {ROWS}; name the output folder of scratch-d2 predict"
    )


def check_run_folder(results: str | Path) -> None:
    """Raise FileNotFoundError if the photographs of results are missing here, but not elsewhere.

    Rows name files as they were given to scratch-d2 predict. If the first of them is not there, but
    is below the folder in which that command ran, the error names both.

    Args:
        results: a folder with results.jsonl.
    """
    try:
        with open(Path(results) / ROWS, encoding="utf-8") as rows:
            file = Path(json.loads(rows.readline())["file"])
        ran_in = Path(json.loads((Path(results) / SUMMARY).read_text("utf-8"))[RAN_IN])
    except (OSError, KeyError, TypeError, ValueError):
        return  # of an earlier version, unfinished, or damaged, which others say
    if not file.is_absolute() and not file.exists() and (ran_in / file).exists():
        raise FileNotFoundError(
            f"photograph {str(file)!r} of {str(results)!r}: no such file; names in these results "
            f"are relative to {str(ran_in)!r}, where scratch-d2 predict ran; run this command there"
        )
