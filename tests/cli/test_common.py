import pytest

from scratch_d2.cli.common import split_keys


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["in", "MODEL.WEIGHTS", "a.pth"], 1),
        (["in", "OUTPUT_DIR", "out"], 1),
        (["DSC_0001.PNG", "IMG_2.JPG", "P1.HEIC", "GATE.WEIGHTS", "DSC_1.PNG"], 3),
        (["DSC_0001.PNG"], 1),
        (["LABELS.2024", "SCRATCH.ENGINE", "d2"], 1),
        ([], 0),
    ],
)
def test_photographs_in_capitals_are_no_config_keys(texts, values, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "LABELS.2024").touch()
    assert split_keys(texts) == (texts[:values], texts[values:])
