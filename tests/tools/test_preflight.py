import subprocess

import pytest
import yaml

from tests.imports import ROOT
from tools import preflight
from wbc.common.errors import UserError


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_downloaded_zip_is_told_to_become_a_repository(project):
    with pytest.raises(UserError, match="git init"):
        preflight.check_git()
    subprocess.run(["git", "init", "--quiet"], check=True)
    preflight.check_git()


@pytest.mark.parametrize("content", ["", "{", "\0\0"])
def test_a_lock_that_a_killed_dvc_left_unreadable_is_removed(project, content, capsys):
    preflight.repair_dvc_lock()
    preflight.RWLOCK.parent.mkdir(parents=True)
    preflight.RWLOCK.write_text(content)
    preflight.repair_dvc_lock()
    assert not preflight.RWLOCK.exists()
    assert "a killed run" in capsys.readouterr().out


def test_a_sound_lock_stays(project):
    preflight.RWLOCK.parent.mkdir(parents=True)
    preflight.RWLOCK.write_text("{}")
    preflight.repair_dvc_lock()
    assert preflight.RWLOCK.exists()


@pytest.mark.parametrize(
    ("archive", "named"),
    [("", "`fetch.archive` is ''"), ("cells.zip", "`fetch.archive` in params.yaml is 'cells.zip'")],
)
def test_a_missing_archive_is_named_before_dvc_looks_for_it(project, capsys, archive, named):
    """DVC's own word on `archive: ''` is that something is both a dependency and an output, before any stage runs."""
    subprocess.run(["git", "init", "--quiet"], check=True)
    settings = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    settings["fetch"] |= {"source": "archive", "archive": archive}
    (project / "params.yaml").write_text(yaml.safe_dump(settings))
    with pytest.raises(SystemExit):
        preflight.main()
    assert named in capsys.readouterr().err
