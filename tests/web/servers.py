"""An application served from a thread, and requests to it."""

import json
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager


@contextmanager
def running(app, **options):
    """Serve an application on a free port, with options of uvicorn; yields its address."""
    import uvicorn

    from scratch_d2.web.listener import listen

    with listen(0) as listener:
        options = {"log_level": "critical", "server_header": False, **options}
        server = uvicorn.Server(uvicorn.Config(app, **options))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def ask(url, body=None, **headers):
    """Return status and content of an answer, JSON as values; a body is posted, values as JSON."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **headers} if body is not None else headers
    request = urllib.request.Request(url, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            status, content, kind = answer.status, answer.read(), answer.headers["Content-Type"]
    except urllib.error.HTTPError as error:
        status, content, kind = error.code, error.read(), error.headers["Content-Type"]
    return status, json.loads(content) if kind == "application/json" else content
