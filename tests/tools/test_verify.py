import subprocess

import pytest

from tools import verify


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A Git repository with one committed report."""
    monkeypatch.chdir(tmp_path)
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "test")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "test@example.org")
    (tmp_path / "report.json").write_text('{"accuracy": 0.9}\n')
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "results"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return tmp_path


def test_nothing_is_listed_when_every_file_is_the_committed_one(repository):
    assert verify.differences(repository) == ""


def test_a_changed_number_is_shown_with_its_file(repository):
    (repository / "report.json").write_text('{"accuracy": 0.8}\n')
    shown = verify.differences(repository)
    assert "report.json" in shown and '-{"accuracy": 0.9}' in shown and '+{"accuracy": 0.8}' in shown


def test_a_new_file_counts(repository):
    (repository / "more.json").write_text("{}")
    assert "?? more.json" in verify.differences(repository)


def test_it_says_so_when_there_is_no_commit(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setattr("sys.argv", ["verify"])
    with pytest.raises(SystemExit):
        verify.main()
    assert "Only a commit can be verified" in capsys.readouterr().err
