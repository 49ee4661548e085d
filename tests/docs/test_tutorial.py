"""The tutorial's commands and the notebook's cells, run as they stand there on the small project."""

import csv
import json
import re
import shutil
from pathlib import Path

import pandas as pd

from tests.imports import ROOT

OTHER_NAMES = {"lymphocyte": "lymph", "neutrophil": "segmented", "monocyte": "mono"}  # the two others are left out


def deliver(project, folder: Path) -> None:
    """Copy drawn cells into folders of other classes; the cell of a number is of the patient of that number."""
    truth = pd.read_csv(project.folder / "data/truth.csv")
    for path, cell in zip(truth["path"], truth["cell"], strict=True):
        label, name = path.split("/")
        if label in OTHER_NAMES:
            target = folder / OTHER_NAMES[label] / f"P{int(cell.rsplit('-', 1)[1]):02}_{name}"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(project.folder / "data/images" / path, target)


def test_every_command_of_the_tutorial_does_what_the_page_says(project, tmp_path):
    deliver(project, tmp_path / "cells")
    (tmp_path / "new").mkdir()
    for file in sorted((tmp_path / "cells/lymph").iterdir())[:3]:
        shutil.copy(file, tmp_path / "new")
    for name in OTHER_NAMES.values():
        (tmp_path / "labelled" / name).mkdir(parents=True)
        for file in sorted((tmp_path / "cells" / name).iterdir())[::3]:  # one of the three copies of each cell
            shutil.copy(file, tmp_path / "labelled" / name)
    shutil.copytree(tmp_path / "new", tmp_path / "theirs")
    page = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 6
    printed = [project.run("bash", "-ec", block.replace("/path/to/", f"{tmp_path}/")) for block in blocks]
    assert "by patient" in printed[1], "the report says at which level its score holds"
    assert project.run("git", "log", "-1", "--format=%s").strip() == "my cells: the first run"
    assert "Running stage 'embed'" not in printed[3] and "Running stage 'train'" in printed[3]
    with (project.folder / "answers.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    assert {"p_lymph", "p_mono", "p_segmented"} < set(rows[0])
    assert re.search(r"^ +5 +\d\.\d{3}", printed[5], re.M), "the learning curve"
    assert len((project.folder / "theirs.csv").read_text().splitlines()) == 1 + 3
    project.run("git", "reset", "--quiet", "--hard", "HEAD~1")  # for the tests that follow


def test_every_cell_of_the_notebook_runs(project, monkeypatch):
    notebook = json.loads((ROOT / "docs/notebook.ipynb").read_text(encoding="utf-8"))
    assert all(not cell["outputs"] for cell in notebook["cells"] if cell["cell_type"] == "code"), "kept without outputs"
    code = "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
    (project.folder / "docs/as_script.py").write_text(
        f"{code}\nprint(len(answers), np.concatenate(pairs, axis=1).shape)\n"
    )
    printed = project.run("env", f"PYTHONPATH={project.folder}", "bash", "-c", "cd docs && python as_script.py")
    count, height, width, _ = map(int, re.findall(r"\d+", printed.strip().splitlines()[-1]))
    assert count >= 6
    assert (height, width) == (2 * 32, 32 * count)
