"""Fixtures of the tests of the report: V8, a visit in Chromium, and a report written once."""

import re

import pytest

from tests.report.pages import settle, write
from tests.report.v8 import load_script


@pytest.fixture(scope="session")
def script():
    """Call a function of the page by name, in V8."""
    return load_script()


@pytest.fixture
def visit(browser):
    """Open a report; in the end nothing may have gone wrong and nothing left the disk."""
    heard = []
    context = browser.new_context(color_scheme="light", accept_downloads=True)

    def open_page(path, width=1280):
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": 800})
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("request", lambda r: re.match("data:|file:|blob:", r.url) or heard.append(r.url))
        page.goto(path.as_uri())
        settle(page)
        return page

    yield open_page
    context.close()
    assert heard == []


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """A report of 40 images, 16 of them Bad, with a gate, and their table."""
    return write(tmp_path_factory.mktemp("report"), [i % 5 < 2 for i in range(40)])
