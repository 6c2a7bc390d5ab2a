"""Errors as answers: each is JSON with the reason in `error`."""

import json
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse


class Refused(Exception):
    """A request that is answered with its reason.

    Attributes:
        status: of HTTP.
        headers: to be sent with the answer.
    """

    def __init__(
        self, reason: str, status: int = 400, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(reason)
        self.status, self.headers = status, headers


class AsciiJson(JSONResponse):
    """JSON in ASCII: names of files may hold bytes that are no Unicode, which UTF-8 cannot."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


HANDLERS: dict[Any, Any] = {
    HTTPException: lambda _, error: JSONResponse(
        {"error": error.detail}, error.status_code, error.headers
    ),
    Refused: lambda _, error: JSONResponse({"error": str(error)}, error.status, error.headers),
}
