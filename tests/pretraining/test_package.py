"""The step that fills wbc/predict/pretrained/."""

import os
import shutil
import subprocess
import sys

import pytest

from pretraining import package
from tests.imports import ROOT


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with what the step reads."""
    shutil.copytree(ROOT / package.FITTED, tmp_path / package.FITTED)
    for file in (package.WEIGHTS, package.KNOWN, package.SCORES):
        shutil.copyfile(ROOT / file, tmp_path / file)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_committed_folder_is_what_the_step_makes(project):
    """In a process of its own: Keras numbers the layers of a process, and the graph holds their names."""
    command = [sys.executable, "-m", "pretraining.package"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=project, env=environment, check=True, capture_output=True, text=True)
    assert "photographed cells of pbc_cells.zip" in done.stdout
    made, committed = contents(project / package.OUTPUT), contents(ROOT / package.OUTPUT)
    differing = sorted(name for name in made.keys() | committed.keys() if made.get(name) != committed.get(name))
    assert not differing, "`python -m pretraining.package` brings the folder up to date"


@pytest.mark.parametrize("name", ["classifier/head.npz", "efficientnetb0.weights.h5"])
def test_a_file_of_another_classifier_is_refused(project, capsys, name):
    file = project / "pretraining" / name
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(SystemExit):
        package.main()
    said = capsys.readouterr().err
    assert name in said and "`git checkout pretraining`" in said and not (project / package.OUTPUT).exists()
