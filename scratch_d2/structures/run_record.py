"""What the folder of a prediction run says of the run."""

import json
from dataclasses import dataclass, fields
from pathlib import Path

from scratch_d2.structures.thresholds import RENAMED, Thresholds


@dataclass(frozen=True)
class RunRecord:
    """What settings.json says of a prediction run.

    Attributes:
        thresholds: those that judged.
        weights, gate_weights: the checkpoints, "" if there was no gate.
        calibrated_on: hash of the images on which the thresholds were chosen, "" if not known.
        white_level: SCRATCH.WHITE_LEVEL of the run.
    """

    thresholds: Thresholds
    weights: str
    gate_weights: str
    calibrated_on: str
    white_level: float = 0.0

    @classmethod
    def read(cls, folder: str | Path) -> "RunRecord | None":
        """Read settings.json of a folder of `scratch-d2 predict`; None if there is none.

        Raises ValueError naming the file if it is something else.
        """
        file = Path(folder) / "settings.json"
        if not file.is_file():
            return None
        try:
            stated = json.loads(file.read_text("utf-8"))
            names = {column.name for column in fields(Thresholds)} | RENAMED.keys()
            thresholds = Thresholds.from_dict({n: stated[n] for n in names & stated.keys()})
            texts = {
                k: str(stated.get(k) or "") for k in ("weights", "gate_weights", "calibrated_on")
            }
            white_level = float(stated.get("white_level", 0.0))
            return cls(thresholds, **texts, white_level=white_level)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"{file}: not the settings of a prediction run ({error!r})") from None
