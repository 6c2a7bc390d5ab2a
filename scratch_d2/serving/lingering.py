"""Refuse a request whose body is still coming, so that its client gets to read why."""

from collections.abc import MutableMapping
from typing import Any

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse

from scratch_d2.web.answers import Refused
from scratch_d2.web.guard import Receive, Scope, Send

LINGER = 5.0  # seconds
EARLY = (413, 429)


class LingeringAnswer(JSONResponse):
    """An answer that comes at once, while what the client still sends is thrown away for a while.

    A connection that is closed with unread bytes is reset, and many clients then never read the
    answer.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request as ASGI asks for it."""

        async def send_unfinished(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "more_body": True}
            await send(message)

        await super().__call__(scope, receive, send_unfinished)
        with anyio.move_on_after(LINGER):
            while (await receive()).get("more_body", False):
                pass
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def answer_refusal(_: Request, error: Refused) -> JSONResponse:
    """Answer a refused request; Starlette's handler of `Refused`."""
    kind = LingeringAnswer if error.status in EARLY else JSONResponse
    return kind({"error": str(error)}, error.status, error.headers)
