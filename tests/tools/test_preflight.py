import subprocess

import pytest

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
    preflight.mend_dvc_lock()
    preflight.RWLOCK.parent.mkdir(parents=True)
    preflight.RWLOCK.write_text(content)
    preflight.mend_dvc_lock()
    assert not preflight.RWLOCK.exists()
    assert "was killed" in capsys.readouterr().out


def test_a_sound_lock_stays(project):
    preflight.RWLOCK.parent.mkdir(parents=True)
    preflight.RWLOCK.write_text("{}")
    preflight.mend_dvc_lock()
    assert preflight.RWLOCK.exists()


def test_a_missing_archive_is_named_before_dvc_looks_for_it(project, capsys):
    """DVC's own word on `archive: ''` is that something is both a dependency and an output, before any stage runs."""
    subprocess.run(["git", "init", "--quiet"], check=True)
    (project / "params.yaml").write_text("fetch: {source: archive, archive: ''}\nexternal: {}\n")
    with pytest.raises(SystemExit):
        preflight.main()
    assert "`fetch.archive` in params.yaml is ''" in capsys.readouterr().err
