"""Serve the review page on this machine alone."""

import contextlib
from pathlib import Path

from scratch_d2.web.listener import LOCALHOST, listen

PORT = 8765


def serve_review(folder: str | Path, port: int = PORT, count: int | None = None) -> str:
    """Serve the review of a results folder until Ctrl-C or SIGTERM; returns a closing sentence.

    Args:
        port: of 127.0.0.1; 0 takes a free one. The address is printed.
        count: how many of the most doubtful photographs to review; None takes all.

    Raises ImportError with the pip command if Starlette or uvicorn is missing, OSError if the
    port is taken, and what `open_session` raises.
    """
    try:
        import uvicorn

        from scratch_d2.review.app import make_app
        from scratch_d2.review.session import open_session
    except ImportError as error:
        raise ImportError(
            f"the review page needs: pip install 'scratch_d2[review]' ({error})"
        ) from None

    with open_session(folder, count) as session, listen(port) as listener:
        state = session.progress()
        print(f"{state['total']} photographs, {state['total'] - _left(state)} reviewed")
        print(f"open http://{LOCALHOST}:{listener.getsockname()[1]} (Ctrl-C ends)", flush=True)
        config = uvicorn.Config(make_app(session), log_level="warning", server_header=False)
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run([listener])
        return _format(session.progress())


def _format(state: dict) -> str:
    counts = f"{state['good']} Good, {state['bad']} Bad, {state['skip']} skipped"
    return f"{counts}, {_left(state)} left"


def _left(state: dict) -> int:
    return state["total"] - state["good"] - state["bad"] - state["skip"]
