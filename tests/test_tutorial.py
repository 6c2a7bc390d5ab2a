"""The tutorial notebook: every cell runs, and the loop that it shows is closed."""

import json
import re
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[1] / "docs" / "tutorial.ipynb"


def rows_of(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def test_its_links_lead_somewhere_and_its_outputs_name_no_folder_of_a_machine():
    content = json.loads(NOTEBOOK.read_text("utf-8"))
    text = "".join("".join(c["source"]) for c in content["cells"] if c["cell_type"] == "markdown")
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert len(links) > 3
    assert [link for link in links if not (NOTEBOOK.parent / link).is_file()] == []
    assert not re.search(r'["\s]/(home|root|tmp|work)/', NOTEBOOK.read_text("utf-8"))


@pytest.mark.slow
def test_it_runs_from_import_to_the_second_training(tmp_path):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("uvicorn", reason="uvicorn is missing, it comes with the extra review")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=600, resources=resources).execute()

    work = tmp_path / "tutorial"
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in shown)
    truth = {path.name for path in (work / "line" / "bad").iterdir()}
    assert len(truth) == 12 and len(rows_of(work / "results")) == 40
    for kind in ("good", "bad"):
        answered = {path.name for path in (work / "reviewed" / kind).iterdir()}
        assert answered and all((name in truth) == (kind == "bad") for name in answered)
    splits = json.loads((work / "run_2" / "gate" / "splits.json").read_text())["splits"]
    trained = {Path(row["file"]).name for row in splits["train"]}
    line = {path.name for path in (work / "line").rglob("*.png")}
    assert trained & line  # the second training has seen reviewed photographs
    assert len(rows_of(work / "results_2")) == 40
