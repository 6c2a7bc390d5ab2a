"""A notebook as a page: its text, its code, and what the code printed and drew."""

import json
from pathlib import Path
from typing import Any


def notebook_page(file: Path) -> str:
    """Return a notebook of nbformat 4 as Markdown; pictures are part of the page."""
    cells = json.loads(file.read_text("utf-8"))["cells"]
    blocks = []
    for cell in cells:
        source = "".join(cell["source"])
        blocks.append(source if cell["cell_type"] == "markdown" else _fence(source, "python"))
        blocks += [_output(output) for output in cell.get("outputs", [])]
    return "\n\n".join(blocks) + "\n"


def _output(output: dict[str, Any]) -> str:
    data = output.get("data", {})
    if "image/png" in data:
        picture = "".join(data["image/png"]).replace("\n", "")
        return f"![What the code draws](data:image/png;base64,{picture})"
    return _fence("".join(output.get("text") or data.get("text/plain", "")), "text")


def _fence(text: str, language: str) -> str:
    return f"```{language}\n{text.rstrip()}\n```"
