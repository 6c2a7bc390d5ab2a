"""The addresses of the review page.

Photographs are named by their image_id alone, so nothing is served but what the results list.
"""

import json
from importlib import resources
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scratch_d2.data.image_error import ImageError
from scratch_d2.formats.review_file import DECISIONS, Review
from scratch_d2.review.photograph import encode_picture
from scratch_d2.review.session import Session
from scratch_d2.web.answers import HANDLERS, AsciiJson, Refused
from scratch_d2.web.guard import Application, Guard

LONGEST_BODY = 65_536
SCRIPTS = (
    *(("report", "wording"), ("report", "dom"), ("report", "theme"), ("report", "zoom")),
    *(("review", "picture"), ("review", "review")),
)
STYLES = (("report", "report"), ("review", "review"))


def make_app(session: Session) -> Application:
    """Return the application that serves the review of a results folder."""
    routes = [
        Route("/", _asset("text/html", ("review", "page", "html"))),
        Route("/review.css", _asset("text/css", *((*name, "css") for name in STYLES))),
        Route("/review.js", _asset("text/javascript", *((*name, "js") for name in SCRIPTS))),
        Route("/favicon.ico", _nothing),
        Route("/api/progress", _progress),
        Route("/api/photographs/{image_id:int}", _show, methods=["GET"]),
        Route("/api/photographs/{image_id:int}", _review, methods=["POST"]),
        Route("/api/photographs/{image_id:int}/picture", _picture),
        Route("/api/undo", _undo, methods=["POST"]),
    ]
    handlers: Any = {
        **HANDLERS,
        ValueError: lambda _, error: AsciiJson({"error": str(error)}, 409),
        OSError: lambda _, error: AsciiJson({"error": str(error)}, 507),
    }
    app = Starlette(routes=routes, exception_handlers=handlers)
    app.state.session = session
    return Guard(app)


def _asset(kind: str, *names: tuple[str, str, str]) -> Any:
    package = resources.files("scratch_d2")
    files = [package / room / f"{stem}.{suffix}" for room, stem, suffix in names]
    content = "\n".join(file.read_text("utf-8") for file in files)

    async def serve(_: Request) -> Response:
        return Response(content, media_type=kind)

    return serve


async def _nothing(_: Request) -> Response:
    return Response(status_code=204)


async def _progress(request: Request) -> Response:
    return AsciiJson(await run_in_threadpool(_session(request).progress))


async def _show(request: Request) -> Response:
    image_id = _image_id(request)
    return AsciiJson(await run_in_threadpool(_session(request).photograph, image_id))


async def _picture(request: Request) -> Response:
    session = _session(request)
    file = session.item(_image_id(request)).file
    try:
        content, kind = await run_in_threadpool(encode_picture, file, session.queue.white_level)
    except (ImageError, OSError) as error:
        raise Refused(str(error), 404) from None
    return Response(content, media_type=kind, headers={"Cache-Control": "private, max-age=600"})


async def _review(request: Request) -> Response:
    image_id, review = _image_id(request), _to_review(await _read_json(request))
    await run_in_threadpool(_session(request).review, image_id, review)
    return await _progress(request)


async def _undo(request: Request) -> Response:
    await _read_json(request)
    session = _session(request)
    image_id = await run_in_threadpool(session.undo)
    return AsciiJson({**await run_in_threadpool(session.progress), "undone": image_id})


def _session(request: Request) -> Session:
    return request.app.state.session


def _image_id(request: Request) -> int:
    image_id = request.path_params["image_id"]
    if _session(request).queue.place(image_id) is None:
        raise Refused(f"image {image_id} is not under review", 404)
    return image_id


async def _read_json(request: Request) -> Any:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":  # what other origins may send without asking first is another
        raise Refused(f"content type {kind!r} is refused; accepted is application/json", 415)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_BODY:
            raise Refused(f"the body is longer than {LONGEST_BODY} bytes", 413)
    try:
        return json.loads(body)
    except ValueError as error:
        raise Refused(f"the body is not JSON ({error})") from None


def _to_review(values: Any) -> Review:
    """Return the review in the body of a request; Refused if it is something else."""
    if not isinstance(values, dict):
        raise Refused("the body is no object with decision and struck")
    decision, struck = values.get("decision"), values.get("struck", [])
    if decision is not None and decision not in DECISIONS:
        raise Refused(f"decision is {decision!r}; accepted are {', '.join(DECISIONS)} and null")
    if not isinstance(struck, list) or not all(type(i) is int and i >= 0 for i in struck):
        raise Refused(f"struck is {struck!r}; accepted are indices from 0 on")
    return Review(decision, tuple(sorted(set(struck))))
