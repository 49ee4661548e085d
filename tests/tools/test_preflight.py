import subprocess

import pytest

from tools import preflight
from wbc.core.errors import UserError


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


@pytest.mark.parametrize("archive", ["/home/other/cells.zip", "~/cells.zip", "", 2024, None])
@pytest.mark.parametrize(("source", "word"), [("archive", "Name one that is there"), ("synthetic", "data/archive")])
def test_an_archive_that_is_not_there_is_named_before_dvc_deletes_anything(project, archive, source, word):
    with pytest.raises(UserError, match=word) as error:
        preflight.check_archive({"fetch": {"source": source, "archive": archive}})
    assert "fetch.archive" in str(error.value)
    assert repr(archive) in str(error.value)


def test_an_archive_that_is_there_passes(project):
    (project / "cells").mkdir()
    preflight.check_archive({"fetch": {"source": "archive", "archive": "cells"}})
