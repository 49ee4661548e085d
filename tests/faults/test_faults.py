"""The short form of the faults: each kind once, at stages of seconds. `python -m tests.faults` is the long one."""

import random

import pytest

from tests.faults import faults, together
from tests.faults.faults import CHEAP

SECONDS = 2.0  # about what a stage takes, within which it is killed


def test_the_next_run_gives_the_same_bytes_after_dvc_and_its_stage_were_killed(project):
    project.seconds["train"] = SECONDS
    faults.check_that_it_ended_well(project, faults.killed(project, random.Random(1), "train", whole=True))


def test_the_next_run_gives_the_same_bytes_after_damage_to_what_stages_wrote(project):
    generator, damaged = random.Random(2), set()
    for kind in faults.DAMAGES:
        for file in generator.sample(faults.outputs(project), 3):
            faults.damage(file, kind, generator)
            damaged.add(file)
    # A changed image may be the user's own, so nothing deletes it unasked.
    changed = [file for file in damaged if file.is_relative_to(project.folder / "data/images")]
    said = project.run("python", "-m", "tools.preflight", fails=bool(changed))
    assert not changed or f"holds {len(changed)} files that no run put there, or that were changed" in said
    for file in changed:
        file.unlink()
    faults.check_that_it_ended_well(project, "")


def test_a_stage_run_directly_says_what_is_wrong_with_a_damaged_file(project):
    faults.check_that_it_ended_well(project, faults.damaged_input(project, random.Random(0), CHEAP))


@pytest.mark.parametrize("fault", [together.two_runs, faults.starved, faults.full_disk])
def test_a_fault_of_the_machine_ends_in_a_message_and_loses_nothing(project, fault):
    if fault is faults.full_disk and not faults.may_mount():
        pytest.skip("a small disk to fill up needs the right to mount one")
    faults.check_that_it_ended_well(project, fault(project, random.Random(3), CHEAP))
