"""The rules of .ci/prose.py: they find what they are for and nothing else."""

import importlib.util
from types import ModuleType

import pytest

from tests.documents import ROOT


@pytest.fixture(scope="module")
def prose() -> ModuleType:
    spec = importlib.util.spec_from_file_location("prose", ROOT / ".ci/prose.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("sentence", "faults"),
    [
        ("Raises ValueError where the name is unknown.", 1),
        ("Returns None where there is no gate.", 1),
        ("They are links where the disk allows it.", 1),
        ("The file goes before the config, and a run goes on.", 2),
        ("It took 30 ms an image, without false alarms.", 2),
        ("Run it where predict ran; say where the scratch is.", 0),
        ("An image without a mask is left out, as an image with two is.", 0),
        ("WHAT stands for the value; ongoing work goes into runs/.", 0),
    ],
)
def test_a_sentence_has_so_many_faults(prose, tmp_path, sentence, faults):
    page = tmp_path / "page.md"
    page.write_text(sentence)
    assert len(list(prose.faults_of(page))) == faults
    program = tmp_path / "program.py"
    program.write_text(f'"""{sentence}"""\nwhere = None  # None where\n')
    assert len(list(prose.faults_of(program))) == faults


def test_documents_and_code_have_none(prose, capsys):
    assert prose.main([]) == 0, capsys.readouterr().out
