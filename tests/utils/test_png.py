import io
import zlib

import numpy as np
import pytest
from PIL import Image

from scratch_d2.utils import png


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (23, 40, 3), (1, 9, 3)])
@pytest.mark.parametrize("with_zlib_ng", [True, False])
def test_pictures_come_back_as_they_were(shape, with_zlib_ng, monkeypatch):
    if not with_zlib_ng:
        monkeypatch.setattr(png, "compress", zlib.compress)
    array = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    image = Image.open(io.BytesIO(png.encode_png(array)))
    image.load()
    assert image.mode == ("RGB" if len(shape) == 3 else "L")
    np.testing.assert_array_equal(np.asarray(image), array)


def test_arrays_need_not_be_contiguous():
    array = np.random.default_rng(0).integers(0, 256, (8, 12, 3)).astype(np.uint8)[::2, ::-1]
    found = np.asarray(Image.open(io.BytesIO(png.encode_png(array))))
    np.testing.assert_array_equal(found, array)
