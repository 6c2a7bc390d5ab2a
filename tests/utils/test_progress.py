import io

import pytest

from scratch_d2.utils.progress import Progress, is_terminal, say, track


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def count(stream, total, seconds, done=0):
    """Count seven images, so many seconds each."""
    clock = Clock()
    with Progress("reading", total, done=done, stream=stream, clock=clock) as progress:
        for _ in range(7):
            clock.now += seconds
            progress.update()
    return stream.getvalue().splitlines()


@pytest.mark.parametrize(
    ("total", "seconds", "done", "lines"),
    [
        (7, 8, 0, []),
        (10, 30, 0, ["2 of 10 images (20%), 0:04:00 left", "4 of 10 images (40%), 0:03:00 left"]),
        (10, 60, 3, ["4 of 10 images (40%), 0:06:00 left", "5 of 10 images (50%), 0:05:00 left"]),
        (1, 60, 0, ["1 of 1 images (100%), 0:00:00 left", "2 of 1 images (200%), 0:00:00 left"]),
        (None, 30, 0, ["2 images, 0.0333 a second", "4 images, 0.0333 a second"]),
    ],
)
def test_without_a_terminal_there_is_a_line_a_minute(total, seconds, done, lines):
    assert count(io.StringIO(), total, seconds, done)[:2] == [f"reading: {line}" for line in lines]


def test_on_a_terminal_there_is_a_bar(monkeypatch):
    monkeypatch.setattr("scratch_d2.utils.progress.SHORT", 0)
    stream = Terminal()
    with Progress("reading", 7, stream=stream) as progress:
        progress.update(7)
    assert "reading: 100%" in stream.getvalue() and "7/7" in stream.getvalue()


def test_what_is_done_soon_shows_nothing():
    stream = Terminal()
    with Progress("reading", 7, stream=stream) as progress:
        progress.update(7)
    assert stream.getvalue().strip() == ""


def test_things_are_yielded_in_their_order(capsys):
    assert list(track([3, 1, 2], "reading")) == [3, 1, 2]
    assert list(track(iter("ab"), "reading")) == ["a", "b"]
    assert capsys.readouterr() == ("", "")


def test_a_closed_stream_is_no_terminal():
    stream = io.StringIO()
    stream.close()
    assert not is_terminal(stream) and not is_terminal(None)
    say("x", stream), say("x", None)
