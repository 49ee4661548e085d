"""Faults that a run meets, each injected into the small project after it was reproduced and committed.

A fault ends well if what it shows is no traceback, and if the next `make repro` gives the committed bytes again. Each
is a function of the project and of a random generator; it returns what was shown, and raises an AssertionError where it
sees by itself that something went wrong.
"""

import contextlib
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import yaml

from tests.small_project import STAGES, Project

CHEAP = ["split", "baseline", "train", "evaluate"]  # stages of a few seconds
DAMAGES = ("a flipped byte", "cut in half", "emptied")


def check_that_it_ended_well(project: Project, printed: str) -> None:
    """Raise an AssertionError that says what is wrong after a fault that showed `printed`, if something is."""
    if "Traceback" in printed:
        raise AssertionError(f"a traceback: {printed[printed.index('Traceback') :][-600:]}")
    project.run("python", "-m", "tools.preflight")
    project.repro()
    changed = project.run("git", "status", "--porcelain") + project.run("dvc", "status")
    if "up to date" not in changed or changed.count("\n") != 1:
        raise AssertionError(f"other results: {changed[-600:]}")


def killed(project: Project, random: random.Random, stage: str, whole: bool) -> str:
    """Kill a stage by SIGKILL at a random moment of its life, and with `whole` DVC too."""
    if stage not in project.seconds:
        started = time.monotonic()
        project.run("python", "-m", f"stages.{stage}")  # undisturbed
        project.seconds[stage] = time.monotonic() - started
    with tempfile.TemporaryFile("w+") as shown:
        command = ["dvc", "repro", "--force", "--single-item", stage]
        dvc = subprocess.Popen(command, cwd=project.folder, env=project.environment, stdout=shown, stderr=shown)
        while not (running := _stage_of(dvc.pid, stage)) and dvc.poll() is None:
            time.sleep(0.02)
        time.sleep(random.uniform(0, project.seconds[stage]))
        for process in [*running, *([psutil.Process(dvc.pid)] if whole and dvc.poll() is None else [])]:
            with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
                process.kill()
        dvc.wait()
        check_that_all_ended(project.folder)
        shown.seek(0)
        return shown.read()


def check_that_all_ended(folder: Path) -> None:
    """Raise an AssertionError where a process goes on in a folder after those that started it were killed."""
    until = time.monotonic() + 30  # what runs in C, such as a pass of the backbone, ends when it comes back from there
    while left := [process for process in psutil.process_iter() if _works_in(process, folder)]:
        if time.monotonic() > until:
            raise AssertionError(f"outlived its parent: {' '.join(left[0].cmdline())[:600]}")
        time.sleep(0.2)


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == folder
    except psutil.Error:
        return False


def _stage_of(pid: int, stage: str) -> list[psutil.Process]:
    """Return the process of a stage below DVC's, and its shell's."""
    try:
        below = psutil.Process(pid).children(recursive=True)
        return below if any(process.cmdline()[-1:] == [f"stages.{stage}"] for process in below) else []
    except psutil.Error:
        return []


def damage(file: Path, kind: str, random: random.Random) -> None:
    """Do to a file what a failing disk or an interrupted copy does."""
    content = bytearray(file.read_bytes())
    if kind == "a flipped byte" and content:
        content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    elif kind == "cut in half":
        del content[len(content) // 2 :]
    else:
        content.clear()
    file.write_bytes(content)


def outputs(project: Project, stages: list[str] = STAGES) -> list[Path]:
    """Return the files that some stages have written; of a folder of images, three."""
    lock = yaml.safe_load((project.folder / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    return _some_files([project.folder / out["path"] for stage in stages for out in lock[stage].get("outs", [])])


def damaged_output(project: Project, random: random.Random, stages: list[str] = STAGES) -> str:
    """Damage one file that a later stage reads, then type `dvc repro`."""
    damage(random.choice(outputs(project, stages)), random.choice(DAMAGES), random)
    return ""  # the next run is what is asked


def damaged_input(project: Project, random: random.Random, stages: list[str] = STAGES) -> str:
    """Damage one file that a stage reads, then run that stage directly, without DVC, which would make it anew."""
    lock = yaml.safe_load((project.folder / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    stage = random.choice([stage for stage in stages if stage != "fetch"])
    written = tuple(out["path"] for entry in lock.values() for out in entry.get("outs", []))
    read = [dep["path"] for dep in lock[stage]["deps"] if dep["path"].startswith(written)]
    file = random.choice(_some_files([project.folder / path for path in read]))
    damage(file, kind := random.choice(DAMAGES), random)
    status, printed = run(project, "python", "-m", f"stages.{stage}")
    told = f"{stage}, {file.relative_to(project.folder)} {kind}: {printed}"
    # A flipped byte may leave a name or number that can't be told from a right one; `dvc repro` finds it by its digest.
    if not status and kind != "a flipped byte":
        raise AssertionError(f"not a word of it: {told}")
    return told if "Traceback" in printed else printed


def _some_files(paths: list[Path]) -> list[Path]:
    """Return the files at some paths; of a folder of images, three."""
    files = [file for path in paths for file in (sorted(path.rglob("*.*"))[:30:10] if path.is_dir() else [path])]
    return [file for file in files if file.is_file()]


def damaged_cache(project: Project, random: random.Random) -> str:
    """Damage a shard of the cache of features, then embed anew."""
    shards = [path for path in (project.folder / ".cache/features").rglob("*") if path.is_file()]
    damage(random.choice(shards), random.choice(DAMAGES), random)
    return run(project, "dvc", "repro", "--force", "--single-item", "embed")[1]


def full_disk(project: Project, random: random.Random, stages: list[str] = STAGES) -> str:
    """Run a stage in a small file system of its own that has less room than the stage needs."""
    stage = random.choice(stages)
    needed = sum(file.stat().st_size for file in outputs(project, [stage]))
    with small_disk("1500m") as disk:
        shutil.copytree(project.folder, disk / "project", symlinks=True)
        free = shutil.disk_usage(disk).free
        left = random.randrange(int(1.5 * needed) + 4096)
        with (disk / "filler").open("wb") as filler:
            os.posix_fallocate(filler.fileno(), 0, max(free - left - 65536, 4096))
        inside = Project(disk / "project")
        _, printed = run(inside, "dvc", "repro", "--force", "--single-item", stage)
        (disk / "filler").unlink()
        check_that_it_ended_well(inside, printed)
        return printed


def full_tmpdir(project: Project, random: random.Random, stages: list[str] = STAGES) -> str:
    """Run a stage while the folder for temporary files is full."""
    with small_disk("64k") as disk:
        (disk / "filler").write_bytes(bytes(56 * 1024))
        return run(project, "python", "-m", f"stages.{random.choice(stages)}", TMPDIR=str(disk))[1]


def starved(project: Project, random: random.Random, stages: list[str] = STAGES) -> str:
    """Run a stage with little memory, few files, no network, no HOME, another language, or as somebody else."""
    stage = random.choice(stages)
    prefix = random.choice(
        [
            "ulimit -v 4000000;",
            "ulimit -n 24;",
            "ulimit -f 64;",
            "env -u HOME",
            "env -i PATH=$PATH LANG=C",
            "env LC_ALL=C PYTHONUTF8=0",
            *(["unshare -n", "setpriv --reuid=65534 --clear-groups"] if os.getuid() == 0 else []),
        ]
    )
    return run(project, "bash", "-c", f"{prefix} python -m stages.{stage}")[1]


def run(project: Project, *command: str, **environment: str) -> tuple[int, str]:
    """Return a command's exit status and what it printed, both streams."""
    done = subprocess.run(
        command,
        cwd=project.folder,
        env=project.environment | environment,
        text=True,
        errors="replace",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return done.returncode, done.stdout


@contextlib.contextmanager
def small_disk(size: str) -> Iterator[Path]:
    """Mount a file system in memory of a size such as "64k"; raises where this process may not."""
    place = Path(tempfile.mkdtemp())
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], check=True, capture_output=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def may_mount() -> bool:
    """Return whether this process may make a small disk."""
    try:
        with small_disk("64k"):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False
