from pathlib import Path

import pytest

from scratch_d2.inspection.inputs import InputFile
from scratch_d2.inspection.shards import Shard, ShardFiles


@pytest.mark.parametrize(
    "text", ["3/2", "0/2", "x", "", "1", "1/0", "-1/2", "1/2/3", "1.0/2", "²/3"]
)
def test_what_is_no_shard_is_named(text):
    with pytest.raises(ValueError, match=r"^shard '.*' is not accepted; .* such as 1/8") as raised:
        Shard.parse(text)
    assert repr(text) in str(raised.value)


@pytest.mark.parametrize(("total", "batch_size", "count"), [(23, 2, 3), (5, 8, 2), (0, 2, 2)])
def test_shards_take_whole_batches_and_each_file_once(total, batch_size, count):
    names = [Path(f"{index}.png") for index in range(total)]
    taken = []
    for number in range(1, count + 1):
        shard = Shard(number, count)
        files = ShardFiles(map(InputFile, names), shard, batch_size)
        mine = [(file.image_id, file.path) for file in files]
        assert [image_id for image_id, _ in mine] == shard.image_ids(total, batch_size).tolist()
        assert all(image_id // batch_size % count == number - 1 for image_id, _ in mine)
        assert files.describe()["files"] == total
        taken += mine
    assert sorted(taken) == list(enumerate(names))


def test_other_names_have_another_hash():
    def describe(*names: str) -> dict:
        files = ShardFiles([InputFile(Path(name)) for name in names], Shard(1, 2), 2)
        assert len(list(files)) == 2
        return files.describe()

    assert describe("a", "b", "c") == describe("a", "b", "c")
    assert describe("a", "b", "c")["sha256"] != describe("a", "bc", "")["sha256"]
    assert describe("a", "\udce9")["files"] == 2
