import os
import threading
import time

import numpy as np
import pytest

from scratch_d2.inspection.inputs import InputFile
from scratch_d2.inspection.pictures import Pictures
from scratch_d2.inspection.predict import Options, predict_watched
from scratch_d2.inspection.rows import RowFile
from scratch_d2.inspection.watch import Watch, fingerprint
from scratch_d2.utils.files import file_stamp
from tests.builders import save
from tests.inspection.fakes import bright_inspector, photograph


class WatchedFolder:
    """A folder that is watched, and a clock that goes on a second with each look."""

    def __init__(self, folder, taken=(), batch_size=4):
        self.folder, self.now = folder, 0.0
        self.watch = Watch(folder, settle=1, patience=5, pause=0, clock=lambda: self.now)
        self.looks = self.watch.batches(set(taken), batch_size)

    def look(self) -> list[list[str]]:
        """The names in the batches of one look."""
        batches = []
        while batch := next(self.looks):
            batches.append([source.path.name for source in batch])
        self.now += 1
        return batches

    def put(self, name: str) -> None:
        save(photograph(True), self.folder / name)


@pytest.fixture
def line(tmp_path):
    return WatchedFolder(tmp_path)


def test_a_file_is_taken_once_it_stands_still(line):
    line.put("whole.png")
    content = (line.folder / "whole.png").read_bytes()
    (line.folder / "whole.png").unlink()
    growing = line.folder / "a.png"
    taken = []
    for length in (0, 9, 20, len(content)):
        growing.write_bytes(content[:length])
        taken += line.look()
    assert taken == []
    assert [line.look(), line.look(), line.look()] == [[["a.png"]], [], []]


def test_a_damaged_file_is_given_time_and_then_handed_out(line):
    (line.folder / "half.png").write_bytes(b"\x89PNG\r\n")
    line.put("b/good.png")
    assert [line.look() for _ in range(8)] == [
        [],
        [["good.png"]],
        [],
        [],
        [],
        [["half.png"]],
        [],
        [],
    ]


def test_what_is_hidden_or_no_image_is_left_out(line):
    for name in (".a.png", "b.png.part", "c.txt"):
        (line.folder / name).write_bytes(b"x")
    line.put(".hidden/d.png")
    assert [line.look() for _ in range(9)] == [[]] * 9


def test_many_files_come_in_batches(line):
    for index in range(10):
        line.put(f"{index}.png")
    line.look()
    assert [len(batch) for batch in line.look()] == [4, 4, 2]


def test_another_content_under_a_known_name_is_another_file(line):
    line.put("a.png")
    line.look()
    assert line.look() == [["a.png"]]
    save(np.zeros((9, 9, 3), np.uint8), line.folder / "a.png")
    assert [line.look(), line.look(), line.look()] == [[], [["a.png"]], []]


def test_a_drive_that_is_gone_for_a_moment_brings_no_second_rows(line, tmp_path_factory):
    line.put("a.png")
    line.look()
    assert line.look() == [["a.png"]]
    away = tmp_path_factory.mktemp("away") / "line"
    line.folder.rename(away)
    assert line.look() == []
    away.rename(line.folder)
    assert [line.look(), line.look()] == [[], []]


def test_a_new_watch_knows_what_a_former_one_took(line):
    line.put("a.png")
    state = (line.folder / "a.png").stat()
    for stamp in (file_stamp(state), (state.st_size, state.st_mtime_ns)):  # of now, and of before
        source = InputFile(line.folder / "a.png", stamp)
        again = WatchedFolder(line.folder, taken=[fingerprint(source)])
        line.put("b.png")
        again.look()
        assert again.look() == [["b.png"]]


def test_a_file_of_equal_size_and_time_is_another_file(line):
    for name, grey in (("a.bmp", 0), ("other.part", 9)):
        save(np.full((9, 9), grey, np.uint8), line.folder / name, format="BMP")
        os.utime(line.folder / name, (1.7e9, 1.7e9))
    line.look()
    assert line.look() == [["a.bmp"]]
    os.replace(line.folder / "other.part", line.folder / "a.bmp")
    assert [line.look(), line.look(), line.look()] == [[], [["a.bmp"]], []]


def test_a_file_whose_permissions_come_late_is_taken_again(line):
    line.put("a.png")
    line.look()
    assert line.look() == [["a.png"]]
    time.sleep(0.02)  # the clock of a file system ticks slower
    (line.folder / "a.png").chmod(0o600)
    assert [line.look(), line.look()] == [[], [["a.png"]]]


def test_it_stops_between_batches(line):
    for index in range(6):
        line.put(f"{index}.png")
    line.look()
    assert len(next(line.looks)) == 4
    line.watch.stop.set()
    assert list(line.looks) == []


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="watched folder '.*nothing': no such folder"):
        Watch(tmp_path / "nothing")


def test_the_table_grows_and_in_the_end_is_the_same(tmp_path):
    (tmp_path / "in").mkdir()
    watch = Watch(tmp_path / "in", settle=0.02, patience=0.1, pause=0.01)
    table, delivered, during = tmp_path / "out" / "results.csv", [], []

    def deliver(rows):
        delivered.extend(rows)
        during.append(table.read_bytes())
        if len(delivered) == 5:
            watch.stop.set()

    def begin():
        assert table.read_text().count("\n") == 1
        for number in range(5):
            save(photograph(number % 2 == 1), tmp_path / "in" / f"{number}.png")

    options = Options(2, 2, Pictures(()))
    predict_watched(bright_inspector(), watch, tmp_path / "out", options, deliver, begin)
    assert delivered == list(RowFile(tmp_path / "out" / "results.jsonl"))
    assert [content.count(b"\n") for content in during] == sorted(
        {len(c.splitlines()) for c in during}
    )
    assert during[-1] == table.read_bytes() and table.read_text().count("\n") == 6


def run_until(folder, output, count, put):
    """Watch in a thread while files are put, until there are so many rows."""
    watch = Watch(folder, settle=0.02, patience=0.1, pause=0.01)
    options = Options(2, 2, Pictures(()), resume=True)
    arguments = (bright_inspector(), watch, output, options)
    thread = threading.Thread(target=predict_watched, args=arguments)
    thread.start()
    put()
    deadline = time.monotonic() + 20
    rows = RowFile(output / "results.jsonl")
    while time.monotonic() < deadline and sum(1 for _ in rows) < count:
        time.sleep(0.01)
    watch.stop.set()
    thread.join(20)
    return list(rows)


def test_each_file_has_one_row_across_restarts(tmp_path):
    def put(numbers):
        for number in numbers:
            save(photograph(number % 2 == 1), tmp_path / "in" / f"{number}.png")

    (tmp_path / "in").mkdir()
    output = tmp_path / "out"
    rows = run_until(tmp_path / "in", output, 5, lambda: put(range(5)))
    assert len(rows) == 5
    rows = run_until(tmp_path / "in", output, 9, lambda: put(range(5, 9)))
    assert sorted(row["file"] for row in rows) == sorted(map(str, (tmp_path / "in").iterdir()))
    assert [row["image_id"] for row in rows] == list(range(9))
    assert (output / "results.csv").read_text().count("\n") == 10
