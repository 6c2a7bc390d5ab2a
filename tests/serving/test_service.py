"""The service over HTTP, with an inspector of bright pixels."""

import base64
import contextlib
import io
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from scratch_d2.inspection.inputs import find_files
from scratch_d2.inspection.inspector import Inspector
from scratch_d2.inspection.predict import Options, predict_files
from scratch_d2.serving.judging import Judge, Upload
from tests.commands import ROOT
from tests.inspection.fakes import THRESHOLDS, bright_detector, bright_inspector, photograph
from tests.web.servers import ask, running

for library in ("uvicorn", "prometheus_client", "python_multipart"):
    pytest.importorskip(library, reason="missing, run `pip install 'scratch_d2[serve]'`")

SLOW_SERVER = """
import time
from scratch_d2.cli.common import run
from scratch_d2.serving.app import Limits
from scratch_d2.serving.server import Place, serve
from tests.inspection.fakes import bright_inspector
inspector = bright_inspector()
inspect = inspector.inspect
inspector.inspect = lambda images: (print("begun", flush=True), time.sleep(1), inspect(images))[2]
run(lambda: serve(inspector, Limits(), Place(port=0, batch_size=1)) or print("closed") or 0)
"""


def png(bright=True):
    buffer = io.BytesIO()
    Image.fromarray(photograph(bright)).save(buffer, "PNG")
    return buffer.getvalue()


def bomb():
    """A PNG of 60,000 x 60,000 pixels in a few bytes."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def form(*parts, boundary="xyz"):
    """A multipart body of (disposition, content), and its content type."""
    body = b"".join(
        f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n".encode()
        + content
        + b"\r\n"
        for disposition, content in parts
    )
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


@contextlib.contextmanager
def service(inspector=None, batch_size=4, **limits):
    from scratch_d2.serving.app import Limits, Service, make_app
    from scratch_d2.serving.batcher import Batcher
    from scratch_d2.serving.judging import Judge
    from scratch_d2.serving.metrics import Metrics
    from scratch_d2.serving.protocol import ImpatientProtocol

    options = {"http": ImpatientProtocol, "timeout_keep_alive": 1}
    metrics = Metrics()
    batcher = Batcher(Judge(inspector or bright_inspector()), batch_size, observe=metrics.batch)
    try:
        with running(make_app(Service(batcher, Limits(**limits), metrics)), **options) as url:
            yield url
    finally:
        batcher.close()


def test_the_answer_is_the_row_of_predict(tmp_path):
    (tmp_path / "a.png").write_bytes(png())
    predict_files(
        bright_inspector(), find_files([str(tmp_path / "a.png")]), tmp_path / "out", Options()
    )
    expected = json.loads((tmp_path / "out/results.jsonl").read_text())
    with service() as url:
        raw = ask(f"{url}/inspect?name=a.png", png())[1]
        body, kind = form(('name="image"; filename="a.png"', png()), ('name="more"', b"1"))
        sent = ask(f"{url}/inspect", body, **{"Content-Type": kind})[1]
        for row in (raw, sent):
            changing = {key: row[key] for key in ("image_id", "timestamp")}
            assert row["file"] == "a.png"
            same = {k: v for k, v in expected.items() if k not in ("overlay", "mask", "file")}
            assert {**row, **changing} | {"file": 0} == same | changing | {"file": 0}
        drawn = ask(f"{url}/inspect?overlay=true", png())[1]
    overlay = Image.open(io.BytesIO(base64.b64decode(drawn["overlay_png"])))
    saved = Image.open(tmp_path / "out" / expected["overlay"])
    assert (np.asarray(overlay) == np.asarray(saved)).all()
    assert (raw["image_id"], sent["image_id"]) == (0, 1) and raw["verdict"] == "bad"


TEXT = {"Content-Type": "application/octet-stream"}


@pytest.mark.parametrize(
    ("body", "kind", "status", "said"),
    [
        (b"", None, 400, "the body is empty"),
        (b"no image", None, 422, "not an image of an accepted kind"),
        (png()[:-30], None, 422, "image"),
        (bomb(), None, 422, "pixels"),
        (b"x", "multipart/form-data", 400, "Missing boundary"),
        (b"x", "multipart/form-data; boundary=xyz", 400, "the form cannot be read"),
        (form(('name="image"', png()))[0], form()[1], 400, "the form"),
        (form(('name="photo"; filename="a"', png()))[0], form()[1], 400, "has no file 'image'"),
        (form(*[('name="image"; filename="a"', png())] * 2)[0], form()[1], 400, "Too many files"),
        (form(('name="image"; filename="a"', b""))[0], form()[1], 422, "empty"),
        (form(('name="image"; filename="a"', png()))[0][:-40], form()[1], 400, "the form"),
        (bytes(5000), None, 413, "larger than 4000 bytes"),
    ],
)
def test_what_cannot_be_judged_gets_its_reason(body, kind, status, said):
    with service(most_bytes=4000) as url:
        got, answer = ask(f"{url}/inspect", body, **{"Content-Type": kind or "image/png"})
        assert got == status and said in answer["error"], answer
        assert ask(f"{url}/inspect", png(False))[1]["verdict"] == "good"


def test_a_photograph_of_too_many_pixels_is_refused_by_its_header():
    buffer = io.BytesIO()
    Image.new("1", (6000, 500)).save(buffer, "TIFF", compression="group4")
    judge = Judge(bright_inspector(), most_pixels=2_000_000)
    refused, judged = judge([Upload(buffer.getvalue(), "a.tif"), Upload(png(), "b.png")])
    assert str(refused) == "'a.tif': 3.0 megapixels; accepted are 2"
    assert judged["verdict"] == "bad"


def test_another_word_for_the_overlay_is_named():
    with service() as url:
        status, answer = ask(f"{url}/inspect?overlay=maybe", png())
        assert status == 400 and "overlay is 'maybe'; accepted are true, false" in answer["error"]
        assert "overlay_png" in ask(f"{url}/inspect?overlay=Yes", png())[1]


def test_other_addresses_methods_and_hosts():
    with service() as url:
        assert ask(f"{url}/health")[0] == ask(f"{url}/ready")[0] == 200
        assert ask(f"{url}/inspect")[0] == 405 and ask(f"{url}/else")[0] == 404
        assert ask(f"{url}/inspect", png(), Host="evil.example")[0] == 403
        assert ask(f"{url}/inspect", png(), Origin="http://evil.example")[0] == 403


def talk(url, head, seconds=10):
    """Send bytes without a library's help; returns the first line of the answer."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=seconds) as connection:
        connection.sendall(head)
        return connection.recv(1000).split(b"\r\n")[0]


def test_large_bodies_are_refused_before_they_come_and_slow_ones_in_time():
    start = b"POST /inspect HTTP/1.1\r\nHost: localhost\r\n"
    with service(body_seconds=0.3, most_bytes=10_000) as url:
        assert talk(url, start + b"Content-Length: 100000000\r\n\r\n").startswith(b"HTTP/1.1 413")
        assert talk(url, start + b"Content-Length: 100\r\n\r\nabc").startswith(b"HTTP/1.1 408")
        chunk = b"1000\r\n" + bytes(0x1000) + b"\r\n"
        chunked = start + b"Transfer-Encoding: chunked\r\n\r\n" + 3 * chunk
        assert talk(url, chunked).startswith(b"HTTP/1.1 413")
        assert ask(f"{url}/inspect", png())[0] == 200


@pytest.mark.parametrize("first", [b"", b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"])
def test_a_client_that_never_ends_its_headers_is_left(first):
    with service() as url:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(first)
            if first:
                connection.recv(10_000)
            with contextlib.suppress(ConnectionError):
                for letter in b"POST /inspect HTTP/1.1\r\nHost: localhost\r\nMore: of it":
                    connection.sendall(bytes([letter]))
                    time.sleep(0.05)  # 2.5 s in all, and never idle for one
            with contextlib.suppress(ConnectionError):  # fails in time if it is not closed
                while connection.recv(10_000):
                    pass
        assert ask(f"{url}/inspect", png())[0] == 200


def test_a_client_that_sends_everything_first_still_reads_why_it_was_refused():
    with service(most_bytes=10_000) as url:
        status, answer = ask(f"{url}/inspect", bytes(30_000_000))
        assert status == 413 and "larger than 10000 bytes" in answer["error"]
    inspector, begun, go = gated()
    with service(inspector, most_inside=1) as url, ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, f"{url}/inspect", png())
        begun.wait(10)
        assert ask(f"{url}/inspect", bytes(3_000_000))[0] == 429
        go.set()
        assert first.result()[0] == 200


def gated():
    """An inspector that waits until it is let through, and the events for that."""
    begun, go = threading.Event(), threading.Event()

    def detect(images):
        begun.set()
        go.wait(20)
        return bright_detector(images)

    return Inspector(None, detect, THRESHOLDS), begun, go


def test_more_than_the_queue_holds_is_refused_at_once_and_the_others_are_answered():
    inspector, begun, go = gated()
    with service(inspector, most_inside=3) as url, ThreadPoolExecutor(3) as pool:
        answers = [pool.submit(ask, f"{url}/inspect", png())]
        begun.wait(10)
        answers += [pool.submit(ask, f"{url}/inspect", png(False)) for _ in range(2)]
        while b"scratch_d2_requests_inside 3.0" not in ask(f"{url}/metrics")[1]:
            pass
        status, answer = ask(f"{url}/inspect", png())
        assert status == 429 and "3 requests are being answered" in answer["error"]
        go.set()
        assert [answer.result()[0] for answer in answers] == [200] * 3
        text = ask(f"{url}/metrics")[1].decode()
        for line in ('requests_total{status="429"} 1.0', 'images_total{verdict="good"} 2.0'):
            assert f"scratch_d2_{line}" in text
        assert 'batch_size_bucket{le="1.0"} 1.0' in text and "batch_size_count 2.0" in text


def test_a_photograph_that_takes_too_long_is_given_up():
    inspector, _, go = gated()
    with service(inspector, answer_seconds=0.2) as url:
        status, answer = ask(f"{url}/inspect", png())
        assert status == 503 and "not judged within 0.2 s" in answer["error"]
        go.set()
        assert ask(f"{url}/inspect", png())[0] == 200


def test_models_that_fail_on_one_photograph_judge_the_others():
    def detect(images):
        if any(image[0, 0, 0] > 128 for image in images):
            raise ArithmeticError("overflow")
        return bright_detector(images)

    with service(Inspector(None, detect, THRESHOLDS)) as url, ThreadPoolExecutor(8) as pool:
        bodies = [png(index == 3) for index in range(8)]
        answers = list(pool.map(lambda body: ask(f"{url}/inspect", body), bodies))
        assert [status for status, _ in answers] == [200, 200, 200, 500, 200, 200, 200, 200]
        assert answers[3][1]["error"].endswith("cannot inspect it (ArithmeticError: overflow)")


def test_sigterm_answers_what_is_under_way():
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-c", SLOW_SERVER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env, text=True) as process:
        url = process.stdout.readline().split()[1]
        with ThreadPoolExecutor(2) as pool:
            answers = [pool.submit(ask, url, png(bright)) for bright in (True, False)]
            assert process.stdout.readline() == "begun\n"
            process.send_signal(signal.SIGTERM)
            assert [answer.result()[1]["verdict"] for answer in answers] == ["bad", "good"]
        assert process.stdout.read().endswith("closed\n")
    assert process.returncode == 0


def test_a_limit_of_nothing_is_named():
    from scratch_d2.serving.app import Limits

    with pytest.raises(ValueError, match="most_inside is 0; accepted is more than 0"):
        Limits(most_inside=0)
