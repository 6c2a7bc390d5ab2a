"""What every request to a local server, and every answer, must keep to."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse

NAMES = ("127.0.0.1", "localhost", "[::1]")
PROTECTION = {
    # Nothing but this server's own files: a name in the results cannot load or run anything.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def refusal(headers: Mapping[str, str], method: str, any_host: bool = False) -> str:
    """Return why a request is refused, "" for one of this server's own page or of a program.

    A page of another site may point its own name at this machine (DNS rebinding), so the host must
    be this machine by name. Browsers say from which origin a request comes; programs do not.

    Args:
        headers: by name in lower case.
        any_host: whether the server has other names than this machine's own.
    """
    host = headers.get("host", "")
    if not any_host and host.rpartition(":")[0] not in NAMES and host not in NAMES:
        return f"host {host!r} is not served; accepted are {', '.join(NAMES)}"
    origin = headers.get("origin")
    if origin is not None and origin != f"http://{host}":
        return f"requests from the origin {origin!r} are refused"
    opened = headers.get("sec-fetch-mode") == "navigate" and method == "GET"
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not opened:
        return "requests from other sites are refused"
    return ""


class Guard:
    """Refuse what does not come from this machine's own page, and protect every answer."""

    def __init__(self, app: Application, any_host: bool = False) -> None:
        self.app, self.any_host = app, any_host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request as ASGI asks for it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return

        async def send_protected(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                for name, value in PROTECTION.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        problem = refusal(Headers(scope=scope), scope["method"], self.any_host)
        app = JSONResponse({"error": problem}, 403) if problem else self.app
        await app(scope, receive, send_protected)
