"""The addresses of the service."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import anyio
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from scratch_d2.data.image_error import ImageError
from scratch_d2.serving.batcher import Batcher
from scratch_d2.serving.body import read_upload
from scratch_d2.serving.judging import MOST_PIXELS, CannotInspect, Upload
from scratch_d2.serving.lingering import answer_refusal
from scratch_d2.serving.metrics import Metrics
from scratch_d2.web.answers import HANDLERS, Refused
from scratch_d2.web.guard import Application, Guard

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class Limits:
    """What the service accepts.

    Attributes:
        most_bytes: of a body.
        most_pixels: of a photograph, by its header; a file of a few kB can claim very many.
        most_inside: requests that are received, wait or are judged; more are answered with 429.
        body_seconds: within which a body must arrive.
        answer_seconds: within which a photograph must be judged, from then on.

    Raises ValueError naming a limit that is not above 0.
    """

    most_bytes: int = 32 << 20
    most_pixels: int = MOST_PIXELS
    most_inside: int = 64
    body_seconds: float = 30.0
    answer_seconds: float = 60.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ValueError(f"{name} is {value}; accepted is more than 0")


class Service:
    """A batcher behind limits; one event loop calls it."""

    def __init__(self, batcher: Batcher, limits: Limits, metrics: Metrics) -> None:
        self.batcher, self.limits, self.metrics = batcher, limits, metrics
        self.inside = 0
        metrics.watch(lambda: self.inside)

    async def inspect(self, request: Request) -> Response:
        """Answer a request for a verdict, and count the answer."""
        begin = time.perf_counter()
        status, verdict = 500, None
        try:
            row = await self._judge(request)
            status, verdict = 200, row["verdict"]
            return JSONResponse(row)
        except Refused as error:
            status = error.status
            raise
        except ClientDisconnect:
            status = 499  # nobody reads the answer
            return Response(status_code=400)
        finally:
            self.metrics.answered(status, time.perf_counter() - begin, verdict)

    async def _judge(self, request: Request) -> dict[str, Any]:
        if self.inside >= self.limits.most_inside:
            reason = f"{self.inside} requests are being answered already; try again later"
            raise Refused(reason, 429, {"Retry-After": "1", "Connection": "close"})
        self.inside += 1
        try:
            limits = self.limits
            upload = await read_upload(request, limits.most_bytes, limits.body_seconds)
            return await self._wait_for(upload)
        finally:
            self.inside -= 1

    async def _wait_for(self, upload: Upload) -> dict[str, Any]:
        seconds = self.limits.answer_seconds
        try:
            with anyio.fail_after(seconds):
                return await asyncio.wrap_future(self.batcher.submit(upload))
        except TimeoutError:
            raise Refused(f"the photograph was not judged within {seconds:g} s", 503) from None
        except ImageError as error:
            raise Refused(str(error), 422) from None
        except CannotInspect as error:
            raise Refused(f"{upload.name!r}: {error}", 500) from None
        except RuntimeError as error:
            raise Refused(str(error), 503) from None


def make_app(service: Service, is_local: bool = True) -> Application:
    """Return the application.

    Args:
        is_local: whether only this machine can reach it; then other host names are refused.
    """

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(_: Request) -> Response:
        is_ready = service.batcher.alive
        word = "ready" if is_ready else "not ready"
        return JSONResponse({"status": word}, 200 if is_ready else 503)

    async def metrics(_: Request) -> Response:
        return Response(service.metrics.to_text(), headers={"Content-Type": METRICS_TYPE})

    routes = [
        Route("/inspect", service.inspect, methods=["POST"]),
        Route("/health", health),
        Route("/ready", ready),
        Route("/metrics", metrics),
    ]
    handlers: dict[Any, Any] = {**HANDLERS, Refused: answer_refusal}
    return Guard(Starlette(routes=routes, exception_handlers=handlers), any_host=not is_local)
