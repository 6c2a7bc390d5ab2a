import os
from types import SimpleNamespace

import pytest

from scratch_d2.utils.shared_memory import workers_that_fit

MEGABYTE = 1 << 20


@pytest.mark.parametrize(
    ("free", "asked", "started"),
    [(64, 4, 0), (100, 4, 1), (200, 4, 2), (9000, 4, 4), (0, 0, 0)],
)
def test_as_many_workers_as_shared_memory_holds(monkeypatch, caplog, free, asked, started):
    state = SimpleNamespace(f_bavail=free, f_frsize=MEGABYTE)
    monkeypatch.setattr(os, "statvfs", lambda folder: state)
    assert workers_that_fit(asked, 30 * MEGABYTE) == started
    expected = [
        f"/dev/shm has {free} MB free, and each worker of the data loader may need 90 MB: "
        f"{started} instead of DATALOADER.NUM_WORKERS {asked} are started; a container gets more "
        "by --shm-size"
    ]
    assert caplog.messages == (expected if started < asked else [])


def test_where_there_is_no_shared_folder_nothing_is_limited(tmp_path):
    assert workers_that_fit(8, 1 << 40, str(tmp_path / "none")) == 8
