"""Inject every fault many times and write the table that docs/results/faults.md shows: hours.

python -m tests.faults --tries 20 --output docs/results/faults.md
"""

import argparse
import random
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests import small_project
from tests.faults import faults, hostile, together
from tests.small_project import STAGES, Project

# Each fault, by the words of the table.
FAULTS: dict[str, Callable[[Project, random.Random], str]] = {
    **{
        f"kill -9 of {'DVC and of ' * whole}the stage {stage}": partial(faults.killed, stage=stage, whole=whole)
        for stage in STAGES
        for whole in (False, True)
    },
    "a damaged file that a later stage reads, then `dvc repro`": faults.damaged_output,
    "a damaged file, and the stage that reads it run directly": faults.damaged_input,
    "a damaged shard of the cache of features": faults.damaged_cache,
    "two runs at once": together.two_runs,
    "two clones on one cache of features, one of them killed in half of the tries": together.two_clones,
    "Dask: a worker killed, the scheduler killed, workers of other code": together.cluster,
    "little memory, few files, no network, no HOME, another language, another user": faults.starved,
    "a full disk": faults.full_disk,
    "a full TMPDIR": faults.full_tmpdir,
    "hostile archives, hostile names of classes and files up to the report": hostile.archive,
    "hostile and damaged weights files": hostile.weights,
    "a server that breaks off, is silent, lies, or refuses": hostile.server,
}

HEADER = """# Faults, injected

Each fault was injected into the small project of the tests (90 drawn images, an untrained backbone) after it had been
reproduced and committed. It ended well where what it showed was no traceback, and where the next `make repro` gave the
committed bytes again: `git status` and `dvc status` clean. A short form runs among the tests; this is of
`python -m tests.faults --tries {tries} --seed {seed}`.

| fault | tries | ended well |
|---|---:|---:|
"""


def main() -> None:
    """Reproduce the small project, and do everything to it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=20, help="of each fault (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the random moments and places (default: %(default)s)")
    parser.add_argument("--only", default="", help="faults whose name holds this")
    parser.add_argument("--output", type=Path, help="Markdown file; what went wrong is printed")
    arguments = parser.parse_args()
    project = small_project.make(Path(tempfile.mkdtemp(), "project"))
    project.repro()
    project.commit("its results")
    lines = []
    for name, fault in FAULTS.items():
        if arguments.only not in name or (name.startswith("a full") and not faults.may_mount()):
            continue
        generator, well = random.Random(f"{arguments.seed} {name}"), 0
        for _ in range(arguments.tries):
            try:
                faults.check_that_it_ended_well(project, fault(project, generator))
                well += 1
            except AssertionError as error:
                print(f"{name}: {error}", flush=True)
                project.restore()
        lines.append(f"| {name} | {arguments.tries} | {well} |")
        print(lines[-1], flush=True)
        if arguments.output:
            table = "\n".join(lines)
            arguments.output.write_text(f"{HEADER.format(**vars(arguments))}{table}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
