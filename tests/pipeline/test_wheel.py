"""The wheel, installed away from the repository: it predicts, and its dependencies are what prediction imports."""

import csv
import importlib.metadata
import io
import json
import os
import re
import subprocess
import sys
import tomllib

import grimp
import pytest

import wbc
from tests.imports import ROOT
from wbc import Classifier
from wbc.fetch.drawn.dataset import SyntheticParams, draw_dataset

pytest.importorskip("hatchling")
MOST = 20 * 2**20  # bytes of a wheel
NOT_IN_THE_BASE = (
    "tensorflow",
    "keras",
    "dvc",
    "sklearn",
    "jinja2",
    "faiss",
    "fsspec",
    "kaggle",
    "requests",
    "streamlit",
)
NOT_IMPORTED = {"imagecodecs"}  # tifffile imports it for compressed files
API = """
import json, wbc
predictions = wbc.Classifier.pretrained().predict("cells")
print(json.dumps([wbc.__file__, predictions.to_frame()["class"].tolist(), [one.probabilities for one in predictions]]))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True)
    (wheel,) = folder.iterdir()
    return wheel


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The folder of the installed wheel. A process that has it on its path lacks what is not in the base install."""
    folder = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--target", str(folder), str(wheel)]
    subprocess.run(command, check=True)
    blocked = f"import sys\nsys.modules |= dict.fromkeys({NOT_IN_THE_BASE})\n"
    (folder / "sitecustomize.py").write_text(blocked)
    return folder


@pytest.fixture
def run(installed, tmp_path):
    """A function that runs a command in a folder that holds nothing but five drawn cells, and returns its output."""
    (tmp_path / "cells").mkdir()
    for drawing in draw_dataset(SyntheticParams(seed=1, cells_per_class=2, copies_per_cell=1, image_size=96)):
        if drawing.number == 0:
            drawing.image.save(tmp_path / f"cells/{drawing.label}.png")
    environment = os.environ | {"PYTHONPATH": str(installed)}

    def run(*command):
        return subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True).stdout

    return run


def test_it_predicts_without_the_repository(run, installed, tmp_path):
    expected = Classifier.pretrained().predict(tmp_path / "cells")
    imported, labels, probabilities = json.loads(run(sys.executable, "-c", API))
    assert imported == str(installed / "wbc/__init__.py")
    assert labels == [one.label for one in expected] and len(labels) == 5
    assert probabilities == [one.probabilities for one in expected]
    rows = list(csv.DictReader(io.StringIO(run(installed / "bin/wbc", "predict", "cells"))))
    assert [row["class"] for row in rows] == labels


def test_it_is_small_and_tells_its_version(run, wheel, installed):
    assert wheel.stat().st_size < MOST
    assert wheel.name == f"white_blood_cells-{wbc.__version__}-py3-none-any.whl"
    assert run(installed / "bin/wbc", "--version") == f"wbc {wbc.__version__}\n"


def test_the_base_dependencies_are_what_the_command_imports():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.match(r"[\w.-]+", requirement)[0] for requirement in project["dependencies"]}
    graph = grimp.build_graph("wbc", include_external_packages=True, cache_dir=None)
    modules = graph.find_upstream_modules("wbc.cli")
    packages = importlib.metadata.packages_distributions()
    imported = {packages[name][0].lower() for name in modules - sys.stdlib_module_names if name in packages}
    assert declared == imported | NOT_IMPORTED
