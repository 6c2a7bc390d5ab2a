"""What mkdocs does for this site beyond its own: generated pages, links to files outside docs/.

mkdocs.yml names this file. `make docs` builds the site.
"""

import posixpath
import re
from pathlib import Path

from commands_page import commands_page
from config_page import config_page
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from notebook_page import notebook_page

ROOT = Path(__file__).parents[2]
NOTEBOOK = "docs/tutorial.ipynb"
# Documents outside docs/ that are pages of the site as well.
COPIES = {
    "MODEL_ZOO.md": "benchmarks/models.md",
    "weights/README.md": "benchmarks/weights.md",
    "ARCHITECTURE.md": "project/architecture.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
}
PAGES = {**COPIES, "README.md": "index.md", NOTEBOOK: "guides/tutorial.md"}
# Pages that a search shows before others.
FIRST = {"guides/prediction.md": 3, "reference/config.md": 9}
LINK = re.compile(r"(?<=\]\()[^)\s]+(?=\))")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages, the copies, and the files outside docs/ that pages link."""
    texts = {source: (ROOT / source).read_text("utf-8") for source in COPIES}
    texts[NOTEBOOK] = notebook_page(ROOT / NOTEBOOK)
    pages = {PAGES[source]: move_links(text, source) for source, text in texts.items()}
    pages |= {"reference/commands.md": commands_page(), "reference/config.md": config_page()}
    texts |= {
        f"docs/{file.src_uri}": file.content_string
        for file in files.documentation_pages()
        if file.src_uri not in pages
    }
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    for source in sorted(set().union(*(_files_outside(*item) for item in texts.items()))):
        files.append(File.generated(config, f"files/{source}", abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Weigh a page for the search, and lead its links to files outside docs/ to their copies."""
    if page.file.src_uri in FIRST:
        page.meta["search"] = {"boost": FIRST[page.file.src_uri]}
    written_by_hand = page.file.generated_by is None
    return move_links(markdown, f"docs/{page.file.src_uri}") if written_by_hand else markdown


def move_links(text: str, source: str) -> str:
    """Return the text of a file of the repository with its links as they are on the site."""
    page = PAGES.get(source, source.removeprefix("docs/"))

    def moved(match: re.Match[str]) -> str:
        path, anchor = _target(match[0], source)
        if path is None:
            return match[0]
        place = PAGES.get(path)
        if place is None:
            place = path.removeprefix("docs/") if path.startswith("docs/") else f"files/{path}"
        return posixpath.relpath(place, posixpath.dirname(page) or ".") + anchor

    return LINK.sub(moved, text)


def _target(link: str, source: str) -> tuple[str | None, str]:
    """Return the file of the repository that a link names, None for an address, and "#anchor"."""
    path, hash_sign, anchor = link.partition("#")
    if not path or ":" in path:
        return None, ""
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), path)), hash_sign + anchor


def _files_outside(source: str, text: str) -> set[str]:
    """Return the files outside docs/ that a text links and that are no pages."""
    paths = {_target(link, source)[0] for link in LINK.findall(text)} - PAGES.keys() - {None}
    return {str(path) for path in paths if not str(path).startswith("docs/")}
