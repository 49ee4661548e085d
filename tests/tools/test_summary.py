import json
import subprocess
from pathlib import Path

import pytest

from tools import summary

PARAMS = "train:\n  seed: 1\n  head: {dropout: 0.0, units: [8]}\n"


def git(*arguments):
    subprocess.run(["git", *arguments], check=True, capture_output=True)


def commit(bacc, params=PARAMS):
    Path("reports").mkdir(exist_ok=True)
    Path("reports/metrics.json").write_text(json.dumps({"bacc": bacc, "low": bacc - 0.1, "high": 0.9, "acc": 0.8}))
    Path("params.yaml").write_text(params)
    git("add", ".")
    git("commit", "--quiet", "--allow-empty", "--message", "results")


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A Git repository with two commits: another score by another dropout."""
    folder = tmp_path / "repository"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "test")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "test@example.org")
    monkeypatch.delenv("BASE", raising=False)
    monkeypatch.delenv("REPORT", raising=False)
    monkeypatch.setattr("sys.argv", ["summary"])
    git("init", "--quiet")
    commit(0.7)
    commit(0.75, PARAMS.replace("0.0", "0.3"))
    return folder


def said(capsys):
    summary.main()
    return capsys.readouterr().out


def test_headline_before_and_after_and_the_changed_parameters_in_ten_lines(repository, capsys, monkeypatch):
    monkeypatch.setenv("REPORT", "https://example.org/report")
    text = said(capsys)
    assert "| **balanced accuracy, cross-validated** | 0.700 | 0.750 (0.650–0.900) |" in text
    assert "`train.head.dropout` 0.0 → 0.3" in text
    assert "[Report and classifier](https://example.org/report)" in text
    assert len(text.splitlines()) <= 10


def test_the_base_may_be_named(repository, capsys, monkeypatch):
    commit(0.8, PARAMS.replace("0.0", "0.3"))
    monkeypatch.setenv("BASE", "HEAD~2")
    assert "| 0.700 | 0.800" in said(capsys)
    monkeypatch.setattr("sys.argv", ["summary", "HEAD~1"])
    text = said(capsys)
    assert "| 0.750 | 0.800" in text and "No parameter changed." in text


@pytest.mark.parametrize("base", ["", "0" * 40, "no-such-branch"])
def test_without_the_base_the_present_alone_is_said(repository, capsys, monkeypatch, base, tmp_path):
    """A shallow clone, as of a fork, or a first commit: there is nothing to compare with."""
    git("clone", "--quiet", "--depth", "1", f"file://{repository}", str(tmp_path / "shallow"))
    monkeypatch.chdir(tmp_path / "shallow")
    monkeypatch.setenv("BASE", base)
    text = said(capsys)
    assert "no commit to compare with" in text and "| – | 0.750" in text
    assert "Parameters: nothing to compare with." in text


def test_a_commit_without_reports_is_no_traceback(repository, capsys):
    Path("reports/metrics.json").unlink()
    with pytest.raises(SystemExit):
        summary.main()
    assert "reports/metrics.json is not there" in capsys.readouterr().err
