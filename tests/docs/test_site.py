"""The documentation as a site: every link leads somewhere, and its pages ask no other server."""

import importlib.util
import re
import subprocess
import sys

import pytest

from tests.imports import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site, whose broken links are errors."""
    if importlib.util.find_spec("mkdocs") is None:
        pytest.skip("MkDocs is not installed; type `make site`")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", folder]
    built = subprocess.run(command, cwd=ROOT, text=True, capture_output=True)
    assert built.returncode == 0, built.stderr
    return folder


def test_every_page_is_built_and_can_be_searched(site):
    for page in (ROOT / "docs").rglob("*.md"):
        name = page.relative_to(ROOT / "docs").as_posix().replace("README.md", "index.md")
        assert (site / name).with_suffix(".html").is_file()
    assert (site / "search/search_index.json").is_file()


def test_a_page_loads_nothing_from_another_server(site):
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|link|img)\b[^>]*(?:src|href)="(https?:[^"]+)"', text)
        assert not loaded, f"{page.name} loads {loaded}"
