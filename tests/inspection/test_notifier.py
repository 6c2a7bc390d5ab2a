import json
import shlex
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from scratch_d2.inspection.notifier import Notifier, notifying

ROWS = [{"image_id": index, "file": "$(touch x); ü.png"} for index in range(3)]


def program(path, code: str) -> str:
    """A command that runs Python code in a folder of its own."""
    path.write_text(f"import json, sys, time\n{code}\n")
    return shlex.join([sys.executable, str(path)])


def send(target, rows=ROWS, wait=30, **options) -> str:
    notifier = Notifier(target, **options)
    notifier.send(rows)
    return notifier.close(wait)


class Server:
    """A web server that keeps what is posted, and answers with a code."""

    def __init__(self, code):
        self.got, self.code, owner = [], code, self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                owner.got.append((self.path, self.headers["Content-Type"], json.loads(body)))
                self.send_response(code)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_port}/line?place=1"


@pytest.fixture
def server(request):
    server = Server(getattr(request, "param", 200))
    yield server
    server.server.shutdown()
    server.server.server_close()


def test_a_program_gets_each_row_on_its_standard_input(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    command = program(
        tmp_path / "take.py", "print('noise'); open('got', 'a').write(sys.stdin.readline())"
    )
    assert send(command) == "--on-verdict: 3 rows delivered"
    assert [json.loads(line) for line in (tmp_path / "got").read_text().splitlines()] == ROWS
    assert {path.name for path in tmp_path.iterdir()} == {"take.py", "got"}
    assert capfd.readouterr().out == ""


def test_an_address_gets_each_row_by_post(server):
    assert send(server.address) == "--on-verdict: 3 rows delivered"
    assert server.got == [("/line?place=1", "application/json", row) for row in ROWS]


@pytest.mark.parametrize("server", [302, 500], indirect=True)
def test_an_address_that_refuses_is_told_once(server, caplog):
    said = send(server.address)
    assert said == f"--on-verdict: 0 rows delivered; 3 refused with HTTP {server.code}"
    assert caplog.text.count(f"a row was refused with HTTP {server.code}") == 1
    assert [path for path, *_ in server.got] == ["/line?place=1"] * 3


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("sys.exit(7)", "2 refused with exit code 7"),
        ("sys.exit(json.load(sys.stdin)['image_id'])", "1 row delivered; 1 refused with exit"),
        ("time.sleep(60)", "2 not taken within 0.5 s"),
    ],
)
def test_a_program_that_fails_is_told_once_and_counted(tmp_path, caplog, code, outcome):
    patience = 0.5 if "sleep" in code else 30
    said = send(program(tmp_path / "fail.py", code), ROWS[:2], patience=patience)
    assert outcome in said and len(caplog.messages) == 1


def test_an_address_where_nobody_listens(caplog):
    said = send("http://127.0.0.1:9/")
    assert said == "--on-verdict: 0 rows delivered; 3 not taken (Connection refused)"
    assert len(caplog.messages) == 1


def test_a_full_queue_drops_rows_and_never_waits(tmp_path, caplog):
    notifier = Notifier(program(tmp_path / "slow.py", "time.sleep(60)"), capacity=2)
    begin = time.monotonic()
    notifier.send(ROWS * 4)
    said = notifier.close(wait=0)
    assert time.monotonic() - begin < 5
    dropped, left = (int(part.split()[0]) for part in said.split("; ")[1:])
    assert dropped + left == 12 and 2 <= left <= 3
    assert "more than 2 rows were waiting" in said and "before the run ended" in said


def test_what_became_of_the_rows_is_said_in_the_end(tmp_path, capsys):
    with notifying(None) as send_rows:
        assert send_rows is None
    with notifying(program(tmp_path / "fine.py", "pass")) as send_rows:
        send_rows(ROWS)
    with pytest.raises(KeyboardInterrupt):
        with notifying(program(tmp_path / "slow.py", "time.sleep(60)")) as send_rows:
            send_rows(ROWS)
            raise KeyboardInterrupt
    out, said = capsys.readouterr()
    assert out == "" and "3 rows delivered\n" in said
    assert "3 rows are waiting, 2 s at most" in said and "3 not delivered before" in said


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("", "no such program"),
        ("no-such-program-here {}", "no such program; accepted are a command and an address"),
        ("echo 'open", "not a command"),
        ("http://", "not an address"),
        ("https://user:word@host/", "without a user name"),
        ("http://host:port/", "not an address"),
        ("http://host/a b", "not an address"),
        ("http://host/\u00fc", "not an address"),
    ],
)
def test_what_can_never_work_is_refused_at_once(target, said):
    with pytest.raises((ValueError, FileNotFoundError), match=said):
        Notifier(target)
