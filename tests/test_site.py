"""The site of the documents: it builds without a dead link, and its generated pages say it all."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from scratch_d2.cli.main import COMMANDS
from scratch_d2.config import default_config, flatten

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (find_spec("mkdocs") and find_spec("material") and find_spec("mkdocstrings")):
        pytest.skip("mkdocs-material is missing, run `pip install 'scratch_d2[docs]'`")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_pages_of_commands_and_keys_name_all_of_them(site):
    commands = (site / "reference/commands/index.html").read_text("utf-8")
    assert [name for name in COMMANDS if f'id="{name}"' not in commands] == []
    keys = (site / "reference/config/index.html").read_text("utf-8")
    assert [key for key in flatten(default_config()) if f"<code>{key}</code>" not in keys] == []


def test_no_page_loads_anything_from_elsewhere(site):
    for page in site.rglob("*.html"):
        for word in ('<script src="http', '<link href="http', "fonts.g"):
            assert word not in page.read_text("utf-8"), page
