"""Time and memory of a command, stage by stage."""

import re
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

STAGE = re.compile(r"^Running stage '([^']+)'")


class Watched(NamedTuple):
    """Time and memory of a command."""

    seconds: float
    stages: (
        dict  # {stage: (seconds, peak bytes)} of a `dvc repro`, in order; a stage's time holds DVC's hashing after it
    )
    peak: int  # bytes of all its processes together, the largest sum seen


def watch(command: Sequence[str | Path], folder: Path, environment: Mapping[str, str]) -> Watched:
    """Run a command, print each stage as it starts, and return a `Watched`; memory is sampled five times a second.

    Raises:
        subprocess.CalledProcessError: it failed; `output` has its last lines.
    """
    started = time.monotonic()
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    marks, peaks, printed = [("", started)], {"": 0}, []

    def look() -> None:
        whole = psutil.Process(process.pid)
        while process.poll() is None:
            stage, used = marks[-1][0], 0
            try:
                for running in [whole, *whole.children(recursive=True)]:
                    used += running.memory_info().rss
            except psutil.NoSuchProcess:
                pass
            peaks[stage] = max(peaks.get(stage, 0), used)
            time.sleep(0.2)

    looking = threading.Thread(target=look)
    looking.start()
    assert process.stdout is not None  # it is piped
    for line in process.stdout:
        printed.append(line)
        if started_stage := STAGE.match(line):
            marks.append((started_stage[1], time.monotonic()))
            print(f"bench: {marks[-1][1] - started:.0f} s, {started_stage[1]}", file=sys.stderr, flush=True)
    process.wait()
    looking.join()
    ended = time.monotonic()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, "".join(printed[-40:]))
    ends = [*(since for _, since in marks[1:]), ended]  # of what comes before the first stage, then of each stage
    times = {
        stage: (until - since, peaks.get(stage, 0)) for (stage, since), until in zip(marks[1:], ends[1:], strict=True)
    }
    return Watched(ended - started, times, max(peaks.values()))
