"""Verification of the last commit: the whole pipeline runs again in a clone and must give the committed files.

    python -m tools.verify [--here]

Every stage runs, even if it was computed before. Every file in Git must come out the same, byte for byte, on any CPU.
The exit status is then 0; otherwise the different files are listed with their first different lines.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from wbc.common.errors import UserError, exit_on_user_error

LINES = 40  # lines shown of all differences together


@exit_on_user_error
def main() -> None:
    """Reproduce the last commit in a clone; exit with status 1 if something differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--here", action="store_true", help="in this folder, as CI does, and not in a clone")
    here = parser.parse_args().here
    commit = git(Path(), "rev-parse", "--short", "HEAD").strip()
    if here:
        reproduce(Path(), commit, dict(os.environ))
        print(f"Every file is the one of commit {commit}, byte for byte.")
        return
    if git(Path(), "status", "--porcelain").strip():
        print("note: uncommitted changes are not part of this", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="verify-") as folder:
        clone = Path(folder, "clone")
        git(Path(), "clone", "--quiet", ".", str(clone))
        # An empty cache, so that the features are computed again too.
        environment = os.environ | {"FEATURE_CACHE": str(Path(folder, "features"))}
        reproduce(clone, commit, environment)
    print(f"Every file is the one of commit {commit}, byte for byte.")


def reproduce(folder: Path, commit: str, environment: dict[str, str]) -> None:
    """Run every stage in a folder and compare its tracked files with its last commit.

    Raises:
        UserError: a stage fails, or a file differs.
    """
    command = [sys.executable, "-m", "dvc", "repro", "--force"]
    path = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])  # `python` in dvc.yaml
    if subprocess.run(command, cwd=folder, env=environment | {"PATH": path}, stdout=sys.stderr).returncode:
        raise UserError(f"The pipeline of commit {commit} doesn't run to its end: see the message above.")
    if difference := differences(folder):
        raise UserError(
            f"These files are not what commit {commit} holds:\n{difference}\n"
            "If they are meant to be so, type `dvc repro` and commit dvc.lock and reports/."
        )


def differences(folder: Path) -> str:
    """Return the tracked files of a Git folder that differ from its last commit, and the first lines, or ""."""
    status = git(folder, "status", "--porcelain")
    lines = git(folder, "diff", "--unified=0", "--no-color").splitlines()
    changed = [line for line in lines if line[:1] in "+-" or line.startswith("diff")]
    more = [f"... and {len(changed) - LINES:,} more lines"] if len(changed) > LINES else []
    return "\n".join([status.rstrip(), *changed[:LINES], *more]) if status.strip() else ""


def git(folder: Path, *arguments: str) -> str:
    """Return the output of a Git command.

    Raises:
        UserError: Git, a repository or a commit is missing.
    """
    try:
        run = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True)
    except FileNotFoundError:
        raise UserError("Git is not installed. Install it, then type `make verify`.") from None
    if run.returncode:
        raise UserError(f"`git {arguments[0]}` failed: {run.stderr.strip()}. Only a commit can be verified.")
    return run.stdout


if __name__ == "__main__":
    main()
