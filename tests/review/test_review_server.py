import io
import json
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from scratch_d2.formats.review_file import row_key
from scratch_d2.review.session import open_session
from tests.builders import save
from tests.commands import ROOT
from tests.review.results import SCRATCH, lines, make_row, serving, write_results, write_rows
from tests.web.servers import ask

pytest.importorskip("uvicorn", reason="uvicorn is missing, run `pip install 'scratch_d2[review]'`")


@pytest.fixture
def results(tmp_path):
    return write_results(tmp_path)


def test_answers_are_saved_line_by_line_and_counted(results):
    with serving(results) as url:
        status, progress = ask(f"{url}/api/progress")
        assert status == 200 and progress["next"] == 5 and progress["unreadable"] == 1
        assert (progress["total"], progress["good"], progress["can_undo"]) == (6, 0, False)
        ask(f"{url}/api/photographs/5", {"decision": None, "struck": [1]})
        ask(f"{url}/api/photographs/5", {"decision": "bad", "struck": [1]})
        status, progress = ask(f"{url}/api/photographs/0", {"decision": "skip", "struck": []})
        assert status == 200 and progress["next"] not in (5, 0)
        assert (progress["bad"], progress["skip"], progress["skipped"]) == (1, 1, 0)
        rows = [json.loads(line) for line in open(results / "results.jsonl")]
        said = [(line["image_id"], line["decision"], line["struck"]) for line in lines(results)]
        assert said == [(5, None, [1]), (5, "bad", [1]), (0, "skip", [])]
        assert [line["row"] for line in lines(results)] == [row_key(rows[i]) for i in (5, 5, 0)]
        assert ask(f"{url}/api/undo", {})[1]["undone"] == 0
        assert ask(f"{url}/api/undo", {})[1]["undone"] == 5
        shown = ask(f"{url}/api/photographs/5")[1]
        assert (shown["decision"], shown["struck"]) == (None, [1])
        assert [each["index"] for each in shown["outlines"]] == [0, 1]  # the faint one not
        assert shown["name"] == "label 5.png" and shown["doubt"] == "for review"
    with serving(results, count=2) as url:
        assert ask(f"{url}/api/progress")[1]["total"] == 2
        assert ask(f"{url}/api/undo", {})[1]["undone"] == 5


def test_reviews_of_other_results_do_not_count(results):
    with serving(results) as url:
        ask(f"{url}/api/photographs/5", {"decision": "bad", "struck": []})
    file = results / "results.jsonl"
    file.write_text(file.read_text().replace('"score": 0.8', '"score": 0.81'))
    with serving(results) as url:
        progress = ask(f"{url}/api/progress")[1]
        assert progress["bad"] == 0 and progress["next"] == 5


def test_a_picture_is_the_photograph(results, tmp_path):
    with serving(results) as url:
        status, content = ask(f"{url}/api/photographs/2/picture")
        sent = np.asarray(Image.open(io.BytesIO(content)))
        assert status == 200
        assert (sent == np.asarray(Image.open(tmp_path / "photographs/label 2.png"))).all()
        (tmp_path / "photographs/label 2.png").write_bytes(b"no image")
        (tmp_path / "photographs/label 3.png").unlink()
        for image_id, said in ((2, "not an image"), (3, "no such image file")):
            status, answer = ask(f"{url}/api/photographs/{image_id}/picture")
            assert status == 404 and said in answer["error"]


def test_a_photograph_whose_name_is_no_unicode_is_shown_and_answered(tmp_path):
    folder = write_rows(tmp_path / b"r\xfc".decode("utf-8", "surrogateescape"), [])
    name = "\udcfc.png"
    save(np.full((64, 96, 3), 200, np.uint8), tmp_path / "\udcfc.png")
    write_rows(folder, [make_row(0, tmp_path / name, boxes={SCRATCH: 0.9})])
    with serving(folder) as url:
        status, shown = ask(f"{url}/api/photographs/0")
        assert (status, shown["name"], len(shown["outlines"])) == (200, name, 1)
        status, progress = ask(f"{url}/api/photographs/0", {"decision": "bad", "struck": []})
        assert (status, progress["bad"]) == (200, 1)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/photographs/6", None, 404),  # unreadable
        ("/api/photographs/99/picture", None, 404),
        ("/api/photographs/..%2f..%2fsettings.json", None, 404),
        ("/../results/settings.json", None, 404),
        ("/settings.json", None, 404),
        ("/api/photographs/0", {"decision": "nice"}, 400),
        ("/api/photographs/0", {"decision": "bad", "struck": [2]}, 409),  # not shown
        ("/api/photographs/0", {"decision": "bad", "struck": "all"}, 400),
        ("/api/photographs/0", {"decision": "bad", "struck": [True]}, 400),
        ("/api/photographs/0", [], 400),
        ("/api/photographs/0", b"{", 400),
        ("/api/photographs/0", b" " * 70_000, 413),
        ("/api/photographs/99", {"decision": "bad"}, 404),
        ("/api/progress", {}, 405),
        ("/api/undo", b"", 400),
    ],
)
def test_what_is_no_request_is_refused_and_changes_nothing(results, path, body, status):
    with serving(results) as url:
        got, answer = ask(url + path, body)
        assert got == status and set(answer) == {"error"}
    assert not (results / "reviews.jsonl").exists()


def test_other_hosts_and_origins_get_nothing(results):
    with serving(results) as url:
        for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
            status, answer = ask(f"{url}/api/photographs/0/picture", **headers)
            assert status == 403 and set(answer) == {"error"}
            assert ask(f"{url}/api/photographs/0", {"decision": "bad"}, **headers)[0] == 403
    assert not (results / "reviews.jsonl").exists()


def test_a_review_under_way_locks_the_folder(results):
    with open_session(results):
        with pytest.raises(OSError, match="is being reviewed already"), open_session(results):
            pass


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_what_was_answered_is_there_after_any_end(results, number):
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "scratch_d2", "review", str(results), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env, text=True) as process:
        url = next(filter(None, (re.search(r"http://\S+", line) for line in process.stdout)))[0]
        assert ask(f"{url}/api/photographs/3", {"decision": "good", "struck": []})[0] == 200
        process.send_signal(number)
        said = process.stdout.read()
    assert process.returncode == (0 if number != signal.SIGKILL else -signal.SIGKILL)
    assert number == signal.SIGKILL or said.startswith("1 Good, 0 Bad, 0 skipped, 5 left\nsaved: ")
    assert [(line["image_id"], line["decision"]) for line in lines(results)] == [(3, "good")]
    with open_session(results) as session:
        assert session.progress()["good"] == 1


def test_settings_of_another_kind_are_named(results):
    (results / "settings.json").write_text(json.dumps({"score": "high"}))
    with pytest.raises(ValueError, match="settings.json"), open_session(results):
        pass


def test_forms_of_other_pages_are_refused(results):
    with serving(results) as url:
        for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
            status, answer = ask(f"{url}/api/undo", {}, **{"Content-Type": kind})
            assert status == 415 and "accepted is application/json" in answer["error"]
