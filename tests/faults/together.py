"""What happens where several work at once: two runs, two clones on one cache of features, the workers of a cluster."""

import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import distributed
import psutil

from tests.faults.faults import run
from tests.small_project import STAGES, Project

EMBED = ("dvc", "repro", "--force", "--single-item", "embed")


def two_runs(project: Project, random: random.Random, stages: list[str] = STAGES) -> str:
    """Type `dvc repro` twice, or run one stage directly twice."""
    stage = random.choice(stages)
    command = random.choice([("dvc", "repro", "--force", "--single-item", stage), ("python", "-m", f"stages.{stage}")])
    return _all(*(_start(project, command) for _ in range(2)))


def two_clones(project: Project, random: random.Random) -> str:
    """Fill one cache of features from two clones at once; one of the two may be killed meanwhile."""
    with tempfile.TemporaryDirectory() as place:
        clones = [Project(Path(place, name, "project")) for name in ("first", "second")]
        for clone in clones:
            shutil.copytree(project.folder, clone.folder, symlinks=True)
        both = [_start(clone, EMBED, FEATURE_CACHE=str(Path(place, "cache"))) for clone in clones]
        if random.random() < 0.5:
            time.sleep(random.uniform(0, 12))
            _kill(both[0])
            clones = clones[1:]
        printed = _all(*both)
        for clone in clones:
            if "up to date" not in (told := clone.run("dvc", "status")):
                raise AssertionError(f"a clone's features are others: {told}\n{printed}")
        # What the killed one left in the cache serves everybody.
        printed += run(project, *EMBED, FEATURE_CACHE=str(Path(place, "cache")))[1]
    return printed


def cluster(project: Project, random: random.Random) -> str:
    """Embed on a Dask cluster whose worker is killed, whose scheduler goes, or whose workers have other code."""
    kind = random.choice(["a killed worker", "a killed scheduler", "other code"])
    project.set({"embed.executor": "dask"})
    with tempfile.TemporaryDirectory() as place:
        file = Path(place, "scheduler.json")
        worker_folder = project.folder
        if kind == "other code":
            worker_folder = Path(place, "project")
            shutil.copytree(project.folder, worker_folder, symlinks=True)
            views = worker_folder / "wbc/embed/views.py"
            views.write_text(f"{views.read_text(encoding='utf-8')}\nCHANGED = 1\n", encoding="utf-8")
        scheduler = _start(project, _dask("scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)))
        joined = _dask("worker", "--scheduler-file", str(file), "--nworkers", "2", "--nthreads", "1", "--no-dashboard")
        workers = _start(Project(worker_folder), joined)
        try:
            while not file.exists():
                time.sleep(0.1)
            with distributed.Client(scheduler_file=str(file)) as client:
                client.wait_for_workers(2, timeout=60)
                address = client.scheduler.address
                processes = list(client.run(_pid, nanny=False).values())
            embedding = _start(project, EMBED, FEATURE_CACHE=str(Path(place, "cache")), DASK_SCHEDULER_ADDRESS=address)
            if kind != "other code":
                victim = processes[0] if kind == "a killed worker" else scheduler.pid
                threading.Timer(random.uniform(2, 12), lambda: _kill(psutil.Process(victim))).start()
            printed = embedding.communicate(timeout=300)[0]
        finally:
            for process in (workers, scheduler):
                _kill(process)
    if kind == "a killed worker" and embedding.returncode:
        raise AssertionError(f"one worker of two was missed: {printed[-600:]}")
    if kind == "other code" and (not embedding.returncode or "other code" not in printed):
        raise AssertionError(f"workers with other code were trusted: {printed[-600:]}")
    project.restore()
    return printed


def _dask(what: str, *options: str) -> list[str]:
    return [sys.executable, "-m", "dask", what, *options]


def _pid() -> int:
    import os  # where it runs, in a worker, this module need not be

    return os.getpid()


def _start(project: Project, command: tuple[str, ...] | list[str], **environment: str) -> subprocess.Popen:
    return subprocess.Popen(
        command,
        cwd=project.folder,
        env=project.environment | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )


def _all(*processes: subprocess.Popen) -> str:
    return "\n".join(process.communicate()[0] for process in processes)


def _kill(process: subprocess.Popen | psutil.Process) -> None:
    """Kill a process and all below it."""
    try:
        tree = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    except psutil.NoSuchProcess:
        return
    for member in tree:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue
