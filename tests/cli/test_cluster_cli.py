"""predict --ray and merge of Parquet parts: what the commands refuse before anything starts."""

import pytest

from tests.commands import run_command
from tests.inspection.fakes import write_files

for library in ("ray", "fsspec", "pyarrow"):
    pytest.importorskip(library, reason="missing, run `pip install 'scratch_d2[ray]'`")
PARQUET = ("--ray", "local", "--format", "parquet")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--ray", "127.0.0.1:9"), "cluster '127.0.0.1:9' cannot be reached"),
        (("--ray", "127.0.0.1:9", "--format", "parquet"), "or use --ray local"),
        (("--format", "parquet"), "--format parquet needs --ray local or --ray HOST:PORT"),
        ((*PARQUET, "--part-size", "0"), "argument --part-size: 0; accepted is 1 or more"),
        ((*PARQUET, "--on-verdict", "cat"), "--on-verdict needs --format jsonl"),
        ((*PARQUET, "--input", "memory://nothing"), "input 'memory://nothing' holds no image"),
        ((*PARQUET, "--input", "empty"), "input folder 'empty' holds no image"),
        ((*PARQUET, "--output", "xyz://a"), "address 'xyz://a' cannot be opened"),
        (("--output", "memory://a"), "an address needs --ray and --format parquet"),
        (("--ray", "local", "--output", "memory://a"), "an address needs --ray and --format parq"),
    ],
)
def test_what_predict_does_not_take_is_named(tmp_path, options, said):
    write_files(tmp_path / "in", 1)
    (tmp_path / "empty").mkdir()
    fixed = ("--input", "in", "--output", "out")
    done = run_command("predict", *fixed, *options, cwd=tmp_path)
    assert done.returncode == 2 and said in done.stderr
    assert not (tmp_path / "out").exists()


def test_merge_takes_parts_alone_and_only_finished_ones(tmp_path):
    (tmp_path / "parts" / "rows").mkdir(parents=True)
    done = run_command("merge", "parts", "shard1", "--output", "out", cwd=tmp_path)
    assert done.returncode == 2 and "'parts' holds Parquet parts of a whole run" in done.stderr
    for place in ("parts", "memory://nowhere"):
        done = run_command("merge", place, "--output", "out", cwd=tmp_path)
        assert done.returncode == 2 and "no summary.json, as a run that is not fin" in done.stderr
