"""Run the service until SIGTERM or Ctrl-C; requests under way are answered first."""

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scratch_d2.inspection.inspector import Inspector
from scratch_d2.inspection.processors import shared_by
from scratch_d2.web.listener import LOCALHOST, listen

if TYPE_CHECKING:
    from scratch_d2.serving.app import Limits

PORT = 8000
IDLE_SECONDS = 15  # within which the headers of a request must come
LOCAL = (LOCALHOST, "localhost", "::1")


@dataclass(frozen=True)
class Place:
    """Where the service listens, and how it works.

    Attributes:
        drain_seconds: within which requests under way must be answered once it is stopped.
    """

    host: str = LOCALHOST
    port: int = PORT
    batch_size: int = 8
    workers: int = 1
    drain_seconds: int = 60


def serve(inspector: Inspector, limits: "Limits", place: Place = Place()) -> None:
    """Serve an inspector; the address is printed once requests are accepted.

    Raises ImportError with the pip command if a library is missing, and OSError if the port
    is taken.
    """
    check_libraries()
    import uvicorn

    from scratch_d2.serving.app import Service, make_app
    from scratch_d2.serving.batcher import Batcher
    from scratch_d2.serving.judging import Judge
    from scratch_d2.serving.metrics import Metrics
    from scratch_d2.serving.protocol import ImpatientProtocol

    with listen(place.port, place.host) as listener, shared_by(place.workers) as begin:
        metrics, judge = Metrics(), Judge(inspector, limits.most_pixels)
        batcher = Batcher(judge, place.batch_size, place.workers, begin, metrics.batch)
        app = make_app(Service(batcher, limits, metrics), place.host in LOCAL)
        host = f"[{place.host}]" if ":" in place.host else place.host
        print(f"serving http://{host}:{listener.getsockname()[1]}/inspect", flush=True)
        config = uvicorn.Config(
            app,
            log_level="warning",
            server_header=False,
            http=ImpatientProtocol,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=place.drain_seconds,
        )
        try:
            with contextlib.suppress(KeyboardInterrupt):
                uvicorn.Server(config).run([listener])
        finally:
            batcher.close()


def check_libraries() -> None:
    """Raise ImportError with the pip command if a library of the service is missing."""
    try:
        import prometheus_client  # noqa: F401
        import python_multipart  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise ImportError(f"the service needs: pip install 'scratch_d2[serve]' ({error})") from None
