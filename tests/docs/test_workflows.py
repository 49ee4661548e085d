"""What CI does is what `make` does, every action is pinned, and no job can write more than it must."""

import os
import re
import subprocess

import pytest
import yaml

from tests.imports import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def jobs(file):
    return yaml.safe_load(file.read_text(encoding="utf-8"))["jobs"]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_every_action_is_pinned_by_its_commit(file):
    used = re.findall(r"uses: (\S+)( # v[\d.]+)?", file.read_text(encoding="utf-8"))
    assert used
    for action, version in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action), action
        assert version, f"{action} doesn't say its version"


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_every_make_target_exists(file):
    targets = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    for job in jobs(file).values():
        for step in job["steps"]:
            for line in re.findall(r"^\s*make (.+?)(?: \||$)", step.get("run", ""), re.M):
                named = [word for word in line.split() if not word.startswith("-")]
                assert set(named) <= set(targets), line


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_every_job_ends_in_time_and_only_those_that_must_may_write(file):
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    for name, job in content["jobs"].items():
        assert job["timeout-minutes"] <= 45
        rights = job.get("permissions", content["permissions"])
        writes = {right for right, level in rights.items() if level == "write"}
        allowed = {"commit": {"contents"}, "pages": {"pages", "id-token"}, "comment": {"pull-requests"}}
        allowed["image"] = {"packages"}
        assert writes <= allowed.get(name, set())


def test_a_run_on_main_is_never_cancelled():
    content = yaml.safe_load((ROOT / ".github/workflows/pipeline.yml").read_text(encoding="utf-8"))
    assert content["concurrency"]["cancel-in-progress"] == "${{ github.event_name == 'pull_request' }}"


def test_no_text_of_a_pull_request_reaches_a_shell_unquoted():
    for file in WORKFLOWS:
        for job in jobs(file).values():
            for step in job["steps"]:
                assert "${{" not in step.get("run", ""), "pass it by env"


@pytest.fixture
def stubs(tmp_path, monkeypatch):
    """Return a function that puts a command first on the PATH; what it was given is in NAME.log."""
    folder = tmp_path / "stubs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def stub(name, script="true"):
        (folder / name).write_text(f'#!/bin/bash\necho "$@" >> {tmp_path}/{name}.log\n{script}\n')
        (folder / name).chmod(0o755)

    return stub


def run_step(file, job, named, folder, **environment):
    """Run the script of the step of a job that holds a text, as GitHub does; returns its exit status."""
    steps = jobs(ROOT / ".github/workflows" / file)[job]["steps"]
    (script,) = (step["run"] for step in steps if named in step.get("run", ""))
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script], cwd=folder, env=os.environ | environment
    ).returncode


@pytest.mark.parametrize("status", [0, 3])
def test_the_summary_goes_to_the_page_and_to_the_comment(stubs, tmp_path, status):
    stubs("make", f"echo '| headline |'; exit {status}")
    summary = tmp_path / "page.md"
    ended = run_step("pipeline.yml", "regenerate", "summary.md", tmp_path, GITHUB_STEP_SUMMARY=str(summary))
    assert (tmp_path / "make.log").read_text().split() == ["--silent", "summary"]
    assert summary.read_text() == (tmp_path / "summary/summary.md").read_text() == "| headline |\n"
    assert ended == status  # a failing summary fails the step


@pytest.mark.parametrize("number", ["12", ""])
def test_the_comment_goes_to_the_pull_request_of_the_head_commit_and_takes_only_text(stubs, tmp_path, number):
    """The number comes from GitHub, not from the fork's run, which could name another pull request."""
    stubs("gh", f"[ \"$2\" = list ] && echo '{number}' || true")
    (tmp_path / "number").write_text("7")
    (tmp_path / "summary.md").write_text("$(touch bad) `touch bad`" + 30_000 * "x")
    assert run_step("comment.yml", "comment", "gh pr comment", tmp_path, COMMIT="0123abcd") == 0
    assert not (tmp_path / "bad").exists()
    listed, *commented = (tmp_path / "gh.log").read_text().splitlines()
    assert 'select(.headRefOid == "0123abcd")' in listed
    assert [line.startswith("pr comment 12 --body-file body.md ") for line in commented] == ([True] if number else [])
    assert not number or len((tmp_path / "body.md").read_text()) == 20_000


def test_regenerated_reports_are_committed_and_pushed(tmp_path, monkeypatch):
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, os.devnull)
    subprocess.run(["git", "init", "--quiet", "--bare", "remote"], cwd=tmp_path, check=True)
    subprocess.run(["git", "clone", "--quiet", "remote", "clone"], cwd=tmp_path, check=True)
    clone = tmp_path / "clone"
    for path in ("dvc.lock", "reports/README.md", "models/.gitignore", "untracked.txt"):
        (clone / path).parent.mkdir(exist_ok=True)
        (clone / path).write_text("new\n")
    assert run_step("pipeline.yml", "commit", "git push", clone) == 0
    command = ["git", "ls-tree", "-r", "--name-only", "HEAD"]
    listed = subprocess.run(command, cwd=tmp_path / "remote", text=True, capture_output=True)
    assert listed.stdout.split() == ["dvc.lock", "models/.gitignore", "reports/README.md"]
