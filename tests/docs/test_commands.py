"""Every command that README, docs/*.md and docs/how-to show runs: here, as it stands there, or in a test named here.

Here they run on the small project, with images of its own where a page says /path/to/.
"""

import json
import os
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from tests.imports import ROOT
from tests.small_project import stages_run

PAGES = {
    page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8")
    for page in (
        ROOT / "README.md",
        *sorted((ROOT / "docs").glob("*.md")),
        *sorted((ROOT / "docs/how-to").glob("*.md")),
    )
}
# Beginning of a command: where it runs instead, or, after a dash, why it can't run in a test.
ELSEWHERE = {
    "make test": ".ci/run",
    "make setup": ".ci/run",
    "git clone REPOSITORY": "- has no repository to clone",
    "pip install dist/": "tests/pipeline/test_wheel.py",
    "make app": "tests/browser/test_app.py",
    "make verify": "tests/tools/test_verify.py",
    "make formats": "tests/stages/test_formats.py",
    "make mlflow": "tests/tools/test_log_mlflow.py",
    "python -m tools.log_mlflow": "tests/tools/test_log_mlflow.py",
    "dvc exp run --name formats": "tests/stages/test_formats.py",
    "dvc exp run --queue": "tests/pipeline/test_pipeline.py",
    "dvc queue": "tests/pipeline/test_pipeline.py",
    "dvc exp run -n patients": "tests/docs/test_tutorial.py",
    "wbc app": "tests/browser/test_app.py",
    "python -m venv": ".ci/run",
    ".venv/bin/python -m pip install": ".ci/run",
    "dask": "tests/wbc/embed/test_executors.py",
    "PYTHONPATH=. dask worker": "tests/wbc/embed/test_executors.py",
    "export DASK_SCHEDULER_ADDRESS": "tests/wbc/embed/test_executors.py",
    "export FEATURE_CACHE": "tests/wbc/embed/test_cache.py",
    "dvc get": "tests/pipeline/test_pipeline.py",
    "dvc push": "tests/pipeline/test_pipeline.py",
    "dvc remote add": "tests/pipeline/test_pipeline.py",
    "pip install 'dvc[": "- needs an account of a storage",
}
HERE = (
    "README.md",
    "docs/getting-started.md",
    *(f"docs/how-to/{name}.md" for name in ("experiments", "other-laboratories", "own-images", "predict")),
)


def commands(page):
    """The commands in a page's blocks for a shell, without the comments after them."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGES[page], re.DOTALL)
    lines = [re.sub(r"\s+#.*", "", line).strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def where(command):
    """Where else a command runs, by the longest beginning that is known; None of one that runs here."""
    known = [beginning for beginning in ELSEWHERE if command.startswith(beginning)]
    return ELSEWHERE[max(known, key=len)] if known else None


@pytest.mark.parametrize("page", PAGES)
def test_a_command_runs_here_or_in_a_test_that_is_there(page):
    for command in commands(page):
        place = where(command)
        if place is None:
            assert page in HERE or page == "docs/tutorial.md" or command == "dvc repro", (
                f"{page}: nothing runs {command}"
            )
        elif not place.startswith("- "):
            assert (ROOT / place).is_file(), f"{command} is said to run in {place}"


@pytest.fixture(scope="module")
def delivered(tmp_path_factory, reproduced):
    """A folder `path/to` with what the pages speak of: cells.zip and cells/, with names that tell patients."""
    folder = tmp_path_factory.mktemp("path") / "to"
    truth = pd.read_csv(reproduced.folder / "data/truth.csv")
    for path, cell in zip(truth["path"], truth["cell"], strict=True):
        label, name = path.split("/")
        target = folder / "cells" / label / f"P{int(cell.rsplit('-', 1)[1]):02}_{name}"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(reproduced.folder / "data/images" / path, target)
    for file in sorted((folder / "cells").rglob("*.jpg"))[::3]:  # one of the three copies of each cell
        label = file.parent.name.replace("neutrophil", "Neutrophile")
        (folder / "labelled" / label).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / "labelled" / label / file.name)
    shutil.copytree(folder / "cells/monocyte", folder / "new")
    for path in ("eosinophil/E12.jpg", "basophil/B03.jpg"):  # which the page gives another label, and leaves out
        first = sorted((folder / "cells" / Path(path).parent).iterdir())[0]
        first.rename(folder / "cells" / path)
    shutil.make_archive(str(folder / "cells"), "zip", folder / "cells")
    (folder / "more/slide").mkdir(parents=True)
    Image.new("RGB", (40, 40), "purple").save(folder / "more/slide/one.png")
    shutil.make_archive(str(folder / "slides"), "zip", folder / "more")
    return folder


@pytest.fixture
def typed(project, delivered, tmp_path):
    """A function that types a page's commands in the project and returns {command: what it printed}."""
    # As an installed package would have it.
    (tmp_path / "wbc").write_text('#!/bin/sh\nexec python -m wbc.cli "$@"\n')
    (tmp_path / "wbc").chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{project.environment['PATH']}"
    # The environment of this test, which make takes for one that is up to date.
    (project.folder / ".venv").symlink_to(ROOT / ".venv")
    os.utime(project.folder / "requirements.txt", (0, 0))
    for name in ("more", "slides.zip"):
        (project.folder / name).symlink_to(delivered / name)

    def run(page, skipped=()):
        shown = [command for command in commands(page) if where(command) is None and not command.startswith(skipped)]
        return {
            command: project.run(
                "env", "BROWSER=true", f"PATH={path}", "bash", "-ec", command.replace("/path/to/", f"{delivered}/")
            )
            for command in shown
        }

    yield run
    (project.folder / ".venv").unlink()
    project.run("dvc", "exp", "remove", "--all-commits")


def test_the_readmes_commands(typed):
    printed = typed("README.md", skipped=("dvc exp run", "source"))
    assert "reports/index.html" in printed["make repro"]
    assert "basophil" in printed["python -m wbc.cli predict /path/to/cells --model models/deployed"]


def test_the_readmes_experiments_are_those_of_the_pages():
    shown = {command for page in HERE[1:] for command in commands(page)}
    assert {command for command in commands("README.md") if command.startswith("dvc exp run")} <= shown


def test_the_commands_of_a_first_run(typed):
    skipped = ("dvc exp run", "source")  # of experiments.md, and of the shell alone
    assert "balanced accuracy" in typed("docs/getting-started.md", skipped)[".venv/bin/python -m tools.headline"]


def test_the_commands_about_experiments(typed):
    printed = typed("docs/how-to/experiments.md")
    wider = printed["dvc exp run -n wider -S train.head.dropout=0.3"]
    assert stages_run(wider) == {"train", "evaluate", "export", "plot"}
    assert "```mermaid" in printed["dvc dag --md"]
    assert "wider" in printed["dvc exp show --only-changed --drop Created"]


def test_the_commands_about_other_laboratories(typed, project):
    typed("docs/how-to/other-laboratories.md")
    assert json.loads((project.folder / "data/features/features.json").read_text())["zooms"] == [1, 1.4, 1.8]


def test_the_commands_about_own_images(typed, project):
    typed("docs/how-to/own-images.md", skipped="dvc repro")
    project.run("dvc", "exp", "apply", "mine")
    assert not json.loads((project.folder / "data/fetch.json").read_text())["synthetic"]


def test_the_commands_about_predicting(typed, project):
    printed = typed("docs/how-to/predict.md")
    assert printed["wbc predict /path/to/cells"].startswith("path,class,p_basophil")  # into a pipe
    assert len((project.folder / "cells.csv").read_text().splitlines()) > 90
    assert (project.folder / "cells.html").is_file() and (project.folder / "scored.csv").is_file()
