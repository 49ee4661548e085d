"""A stage that fails, or is run without DVC, says which of its inputs are not the recorded ones."""

import hashlib
import json
import subprocess
import sys

import pytest

from tools.code_dependencies import ROOT
from wbc.core.inputs import changed_inputs

LOCK = """schema: '2.0'
stages:
  split:
    cmd: python -m stages.split
    outs:
    - {{path: data/splits.csv, md5: {splits}}}
    - {{path: data/pictures, md5: {pictures}}}
  train:
    cmd: python -m stages.train
    deps:
    - {{path: data/splits.csv, md5: {splits}}}
    - {{path: data/pictures, md5: {pictures}}}
    - {{path: stages/train.py, md5: 00}}
"""


def md5(content):
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A project in which `split` wrote a table and a folder, and `train` reads both and fails on the table."""
    monkeypatch.chdir(tmp_path)
    listing = json.dumps([{"md5": md5(b"a"), "relpath": "sub/1.png"}]).encode()
    pictures = f"{md5(listing)}.dir"
    (tmp_path / "data/pictures/sub").mkdir(parents=True)
    (tmp_path / "data/pictures/sub/1.png").write_bytes(b"a")
    (tmp_path / "data/splits.csv").write_bytes(b"1")
    cached = tmp_path / ".dvc/cache/files/md5" / pictures[:2] / pictures[2:]
    cached.parent.mkdir(parents=True)
    cached.write_bytes(listing)
    (tmp_path / "dvc.lock").write_text(LOCK.format(splits=md5(b"1"), pictures=pictures))
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/train.py").write_text(
        "from wbc.core.errors import exit_on_user_error\n"
        "exit_on_user_error(lambda: print('trained', int(open('data/splits.csv').read())))()\n"
    )
    return tmp_path


def train(**environment):
    run = subprocess.run(
        [sys.executable, "-m", "stages.train"],
        env={"PYTHONPATH": f".:{ROOT}", **environment},
        capture_output=True,
        text=True,
    )
    return run.returncode, run.stdout + run.stderr


def test_nothing_is_said_of_inputs_as_recorded(tree):
    assert changed_inputs("stages.train") == []
    assert train() == (0, "trained 1\n")


def test_a_changed_input_is_noted_and_the_stage_runs(tree):
    (tree / "data/splits.csv").write_bytes(b"2")
    status, printed = train()
    assert status == 0 and "trained 2" in printed
    assert "note: not what dvc.lock records: data/splits.csv, written by split." in printed
    assert train(DVC_STAGE="train") == (0, "trained 2\n")  # DVC has looked already


def test_an_error_is_laid_to_a_changed_input(tree):
    (tree / "data/splits.csv").write_bytes(b"x")
    status, printed = train(DVC_STAGE="train")
    assert status == 1 and "Traceback" not in printed
    assert "ValueError: invalid literal" in printed and "data/splits.csv, written by split" in printed
    assert "Next: `dvc repro`" in printed


def test_a_file_in_a_folder_is_named(tree):
    (tree / "data/pictures/sub/1.png").unlink()
    assert changed_inputs("stages.train") == [("data/pictures/sub/1.png", "split")]


@pytest.mark.parametrize("content", ["", "{", "stages: {}"])
def test_a_lock_that_says_nothing_is_no_reason_to_stop(tree, content):
    (tree / "dvc.lock").write_text(content)
    assert train() == (0, "trained 1\n")


def test_tools_and_stages_without_a_record_read_nothing(tree):
    (tree / "data/splits.csv").unlink()
    assert changed_inputs("tools.predict") == changed_inputs("stages.plot") == []
