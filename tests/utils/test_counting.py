import pytest

from scratch_d2.utils.counting import count_of


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((0, "image"), "0 images"),
        ((1, "image"), "1 image"),
        ((1200, "image"), "1,200 images"),
        ((1, "scratch", "scratches"), "1 scratch"),
        ((2, "file is", "files are"), "2 files are"),
    ],
)
def test_counts_in_words(arguments, text):
    assert count_of(*arguments) == text
