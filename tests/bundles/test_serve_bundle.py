"""The service with a bundle, in a process that cannot import torch."""

import re

import pytest

from scratch_d2.inspection.inspector import Inspector
from tests.bundles.without_torch import start
from tests.web.servers import ask

for library in ("uvicorn", "prometheus_client", "python_multipart"):
    pytest.importorskip(library, reason="missing, run `pip install 'scratch_d2[serve]'`")


@pytest.mark.parametrize("kind", ["onnx", "openvino"])
def test_a_bundle_is_served_without_importing_torch(work, kind):
    photographs = sorted((work / "in").iterdir())[:3]
    expected = [Inspector.load_bundle(work / kind)(path) for path in photographs]
    with start("serve", "--bundle", work / kind, "--port", 0) as process:
        try:
            started = iter(process.stdout.readline, "")
            address = next(filter(None, (re.search(r"http://\S+", line) for line in started)))[0]
            answers = [ask(address, path.read_bytes()) for path in photographs]
        finally:
            process.terminate()
        errors = process.stderr.read()
    assert process.returncode == 0, errors
    assert [status for status, _ in answers] == [200] * 3
    for (_, row), inspection in zip(answers, expected, strict=True):
        assert (row["verdict"], row["area"]) == (inspection.label, pytest.approx(inspection.area))
        assert len(row["instances"]) == len(inspection.prediction.boxes)
