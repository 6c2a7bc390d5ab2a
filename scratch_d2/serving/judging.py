"""From the bytes of photographs to rows, batch by batch, whatever the bytes are."""

import base64
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from scratch_d2.data.decoding import count_pixels
from scratch_d2.data.image_error import ImageError
from scratch_d2.data.images import Photograph, read_content
from scratch_d2.inspection.inputs import InputFile
from scratch_d2.inspection.inspector import Inspection, Inspector
from scratch_d2.inspection.rows import Row, ok_row
from scratch_d2.utils.opencv import cv2

MOST_PIXELS = 50_000_000


class CannotInspect(Exception):
    """The models failed on a photograph that could be read."""


@dataclass(frozen=True)
class Upload:
    """A photograph as a client sent it.

    Attributes:
        name: for its row; never used as a path.
        overlay: whether the client wants a picture of the verdict.
    """

    content: bytes
    name: str
    overlay: bool = False


class Judge:
    """Judges uploads with an inspector; several threads may share it."""

    def __init__(self, inspector: Inspector, most_pixels: int = MOST_PIXELS) -> None:
        self.inspector, self.most_pixels = inspector, most_pixels
        self._ids = count()

    def __call__(self, uploads: list[Upload]) -> list[Row | Exception]:
        """Return a row for each upload, with `overlay_png` in base64 if it is wanted.

        An upload that is no image, or a larger one than accepted, gives an ImageError, one at which
        the models fail CannotInspect.
        """
        photographs = [self._read(upload) for upload in uploads]
        readable = [each.pixels for each in photographs if isinstance(each, Photograph)]
        inspections = iter(self._inspect(readable))
        return [
            photograph
            if isinstance(photograph, Exception)
            else self._answer(upload, photograph, next(inspections))
            for upload, photograph in zip(uploads, photographs)
        ]

    def _read(self, upload: Upload) -> Photograph | ImageError:
        pixels = count_pixels(upload.content)
        if pixels > self.most_pixels:
            return ImageError(
                f"{upload.name!r}: {pixels / 1e6:.1f} megapixels; accepted are "
                f"{self.most_pixels / 1e6:g}"
            )
        try:
            return read_content(upload.content, upload.name, self.inspector.white_level)
        except ImageError as error:
            return error

    def _inspect(self, images: list[np.ndarray]) -> list[Inspection | CannotInspect]:
        """Inspect images together, or one by one if that fails."""
        try:
            return [*self.inspector.inspect(images)] if images else []
        except Exception as error:
            if len(images) > 1:
                return [each for image in images for each in self._inspect([image])]
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            return [CannotInspect(f"the models cannot inspect it ({reason})")]

    def _answer(
        self, upload: Upload, photograph: Photograph, inspection: Inspection | CannotInspect
    ) -> Row | Exception:
        if isinstance(inspection, Exception):
            return inspection
        thresholds, model_id = self.inspector.thresholds, self.inspector.metadata.get("model_id")
        known = None if model_id is None else str(model_id)
        row = ok_row(next(self._ids), InputFile(Path(upload.name)), inspection, thresholds, known)
        row["file"] = upload.name
        noted = {"note": photograph.note} if photograph.note else {}
        return {**row, **noted, **(self._draw(inspection) if upload.overlay else {})}

    def _draw(self, inspection: Inspection) -> dict[str, Any]:
        drawn = inspection.plot()
        _, encoded = cv2.imencode(".png", cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))
        return {"overlay_png": base64.b64encode(encoded.tobytes()).decode("ascii")}
