"""A temporary clone of this project, made small enough to run in a minute."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from tests.imports import ROOT

# In the order of a run.
STAGES = ["fetch", "split", "embed", "baseline", "train", "evaluate", "plot", "export"]
# 5 classes x 6 cells x 3 copies = 90 images, an untrained backbone at its smallest size, and a head of one small block.
SMALL = {
    # A project that starts from this one tests with drawn cells, too, and not with its own images.
    "fetch.source": "synthetic",
    "fetch.layout": None,
    "fetch.labels": None,
    "fetch.exclude": None,
    "fetch.relabel": None,
    "split.groups": None,
    "split.parts": None,
    "fetch.synthetic.cells_per_class": 6,
    "fetch.synthetic.copies_per_cell": 3,
    "embed.weights": "random",
    "embed.image_size": 32,
    "embed.tta_views": 1,
    "embed.views": 1,
    "train.head.units": [16],
    "train.crossval.heads": 2,
    "train.crossval.units": [8],
    "train.optimizer.epochs": 2,
    "split.folds": 3,
}


class Project:
    """A Git and DVC project in a folder of its own."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.seconds = {}  # that stages take, where it was measured
        # The stages must run by this Python, and no setting of the machine's may leak in.
        self.environment = (
            os.environ
            | {
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "HOME": str(self.folder.parent / "home"),
                "DVC_NO_ANALYTICS": "1",
                "GIT_CONFIG_GLOBAL": os.devnull,
                "GIT_CONFIG_SYSTEM": os.devnull,
            }
            | {
                f"GIT_{who}_{what}": "pipeline@example.org"
                for who in ("AUTHOR", "COMMITTER")
                for what in ("NAME", "EMAIL")
            }
        )

    def run(self, *command, fails=False):
        """Run a command in the project and return what it printed, both streams; its exit status must be as said."""
        run = subprocess.run(
            command, cwd=self.folder, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert bool(run.returncode) == fails, (
            f"{' '.join(map(str, command))} ended with {run.returncode}:\n{run.stdout}"
        )
        return run.stdout

    def repro(self, *targets):
        """Run `dvc repro`, up to some stages or all, and return the names of the stages that ran."""
        return stages_run(self.run("dvc", "repro", *targets))

    def commit(self, message):
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", message)

    def restore(self):
        """Put everything back as it was committed."""
        self.run("git", "reset", "--quiet", "--hard")
        self.run("git", "clean", "--quiet", "--force", "-d")
        self.run("dvc", "checkout", "--force", "--quiet")

    def set(self, changes):
        """Change params.yaml: {"train.head.dropout": 0.5}."""
        file = self.folder / "params.yaml"
        params = yaml.safe_load(file.read_text())
        for key, value in changes.items():
            *path, last = key.split(".")
            section = params
            for name in path:
                section = section[name]
            assert last in section, f"{key} is not in params.yaml"
            section[last] = value
        file.write_text(yaml.safe_dump(params, sort_keys=False))

    def clone(self, folder):
        """Return a Git clone of the last commit; DVC's cache does not come along."""
        self.run("git", "clone", "--quiet", self.folder, folder)
        return Project(folder)


def stages_run(printed):
    """Return the names of the stages that `dvc repro` or `dvc exp run` says it ran or restored from its run cache."""
    return {name.split("@")[0] for name in re.findall(r"(?:Running stage|Stage) '([^']+)'(?:\:| is cached)", printed)}


def make(folder):
    """Return the project as a fresh clone has it, made small, at `folder`; nothing has run."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        text=True,
        stdout=subprocess.PIPE,
    )
    for name in listed.stdout.splitlines():
        # The committed results are of the full run; the small one makes its own.
        if (ROOT / name).is_file() and name != "dvc.lock" and not name.startswith("reports/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    project = Project(folder)
    project.run("git", "init", "--quiet", "--initial-branch", "main")
    project.set(SMALL)
    project.commit("a small pipeline")
    return project
