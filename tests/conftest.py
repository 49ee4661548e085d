"""Which tests are slow, the small project that they share, and the browser in which pages are opened.

Slow are those of the pipeline, of real images, of a browser, and those that load TensorFlow, OpenVINO or Dask.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock
import pytest

from tests import small_project
from tests.imports import ROOT, code_of

HEAVY = {"wbc/embed/tensorflow_setup.py", "wbc/embed/openvino_engine.py", "wbc/embed/executors.py"}
SLOW_FOLDERS = ("tests/pipeline/", "tests/browser/", "tests/faults/")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SEARCH = {"wbc/split/near_duplicates/registration.py"}  # minutes of comparing pairs of images


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the slow tests, by what their module imports and where it stands."""
    modules = {item.path: Path(item.path).relative_to(ROOT).as_posix() for item in items}
    heavy = {module for module in set(modules.values()) if (HEAVY | SEARCH) & set(code_of(module))}
    for item in items:
        module = modules[item.path]
        if module in heavy or {"fresh", "reproduced"} & set(item.fixturenames) or module.startswith(SLOW_FOLDERS):
            item.add_marker("slow")
        # One process runs a file's tests, since they share what they made; and all that need the reproduced project.
        # Those of the documentation's commands, half of their time, are apart.
        project = "documentation" if module.startswith("tests/docs/") else "project"
        item.add_marker(pytest.mark.xdist_group(project if "reproduced" in item.fixturenames else module))


@pytest.fixture(scope="session")
def fresh(tmp_path_factory) -> small_project.Project:
    """The project as a fresh clone has it, made small; nothing has run."""
    return small_project.make(tmp_path_factory.mktemp("fresh") / "project")


@pytest.fixture(scope="session")
def reproduced(request, tmp_path_factory) -> small_project.Project:
    """The small project after `dvc repro`, results committed. Tests change it and put it back by `project`.

    The first of several processes of pytest-xdist makes it for all, and each works on a copy of its own.
    """
    shared = tmp_path_factory.getbasetemp().parent / "reproduced" if "PYTEST_XDIST_WORKER" in os.environ else None
    if shared is None:
        return _reproduce(request.getfixturevalue("fresh"), tmp_path_factory.mktemp("reproduced") / "project")
    with filelock.FileLock(f"{shared}.lock"):
        if not shared.exists():
            made = _reproduce(request.getfixturevalue("fresh"), tmp_path_factory.mktemp("made") / "project")
            made.folder.rename(shared)
    folder = tmp_path_factory.mktemp("reproduced") / "project"
    shutil.copytree(shared, folder, symlinks=True)
    return small_project.Project(folder)


def _reproduce(fresh: small_project.Project, folder: Path) -> small_project.Project:
    project = fresh.clone(folder)
    assert project.repro() == set(small_project.STAGES)
    project.commit("its results")
    return project


@pytest.fixture
def project(reproduced) -> Iterator[small_project.Project]:
    """The reproduced project, put back as it was after the test."""
    yield reproduced
    reproduced.restore()


@pytest.fixture(scope="session")
def browser() -> Iterator:
    """Headless Chromium, offline; Playwright drives the machine's own and downloads none."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no {' or '.join(BROWSERS)} on this machine; on Debian: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser) -> Iterator[Callable]:
    """A function that opens a file in the browser: a page that keeps what it complained of and what it asked for."""
    contexts = []

    def open_file(path, width=1300, scheme="light"):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True, reduced_motion="reduce"
        )
        contexts.append(context)
        page = context.new_page()
        page.complaints, page.requested = [], []
        page.on("console", lambda message: page.complaints.append((message.type, message.text)))
        page.on("pageerror", lambda error: page.complaints.append(("error", str(error))))
        page.on("request", lambda request: page.requested.append(request.url[:80]))
        page.goto(path.as_uri())
        return page

    yield open_file
    for context in contexts:
        context.close()
