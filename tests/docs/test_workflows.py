"""What CI does is what `make` does, every action is pinned, and no job can write more than it must."""

import re

import pytest
import yaml

from tools.code_dependencies import ROOT

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
        assert writes <= allowed.get(name, set())


def test_a_run_on_main_is_never_cancelled():
    content = yaml.safe_load((ROOT / ".github/workflows/pipeline.yml").read_text(encoding="utf-8"))
    assert content["concurrency"]["cancel-in-progress"] == "${{ github.event_name == 'pull_request' }}"


def test_no_text_of_a_pull_request_reaches_a_shell_unquoted():
    for file in WORKFLOWS:
        for job in jobs(file).values():
            for step in job["steps"]:
                assert "${{" not in step.get("run", ""), "pass it by env"
