"""Read what a client sends: within a size, within a time, raw or as a form."""

import logging
from collections.abc import AsyncGenerator

import anyio
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from scratch_d2.serving.judging import Upload
from scratch_d2.web.answers import Refused

FIELD = "image"
FLAGS = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}
# What strangers send in a form is no concern of the log.
logging.getLogger("python_multipart").setLevel(logging.ERROR)
FORM = "multipart/form-data"
CLOSE = {"Connection": "close"}


async def read_upload(request: Request, most_bytes: int, seconds: float) -> Upload:
    """Read the photograph in the body of a request, raw or as the file `image` of a form.

    Raises Refused: 408 for a client that needs longer, 413 for a body that is larger, 400 for an
    empty one, a form without that file, or another word than true or false for `overlay`.
    """
    overlay = _read_flag(request, "overlay")
    body = await read_body(request, most_bytes, seconds)
    if not body:
        raise Refused("the body is empty; send the bytes of an image, or a form with one")
    if request.headers.get("content-type", "").lower().startswith(FORM):
        content, name = await _parse_form(request, body)
    else:
        content, name = body, ""
    return Upload(content, request.query_params.get("name") or name or FIELD, overlay)


def _read_flag(request: Request, name: str) -> bool:
    value = request.query_params.get(name, "false")
    if value.lower() not in FLAGS:
        raise Refused(f"{name} is {value!r}; accepted are {', '.join(FLAGS)}")
    return FLAGS[value.lower()]


async def read_body(request: Request, most_bytes: int, seconds: float) -> bytes:
    """Read a body; one that is announced as too large is refused before it is read."""
    too_large = Refused(f"the body is larger than {most_bytes} bytes", 413, CLOSE)
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > most_bytes:
        raise too_large
    parts, size = [], 0
    try:
        with anyio.fail_after(seconds):
            async for part in request.stream():
                size += len(part)
                if size > most_bytes:
                    raise too_large
                parts.append(part)
    except TimeoutError:
        raise Refused(f"the body did not arrive within {seconds:g} s", 408, CLOSE) from None
    return b"".join(parts)


async def _parse_form(request: Request, body: bytes) -> tuple[bytes, str]:
    """Return the file `image` of a form, and its name."""

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        form = await MultiPartParser(request.headers, stream(), max_files=1, max_fields=8).parse()
    except MultiPartException as error:
        raise Refused(f"the form cannot be read ({error.message})") from None
    except Exception as error:  # the parser is fed what strangers send
        raise Refused(f"the form cannot be read ({type(error).__name__})") from None
    try:
        file = form.get(FIELD)
        if not isinstance(file, UploadFile):
            raise Refused(f"the form has no file {FIELD!r}")
        return await file.read(), file.filename or ""
    finally:
        await form.close()
