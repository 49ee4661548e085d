"""Find what would end `dvc repro` in a message of DVC's that nobody understands; `make repro` runs it first.

    python -m tools.preflight

Exit status 1 with what to type where something is to be put right. The one thing that is mended here is DVC's own lock
file, which a killed DVC can leave empty, and which then ends every later run.
"""

import json
import shutil
import subprocess
from pathlib import Path

from stages import sources
from wbc.common.errors import UserError, exit_on_user_error

RWLOCK = Path(".dvc/tmp/rwlock")


@exit_on_user_error
def main() -> None:
    """Stop before `dvc repro` where it would fail with a message that misleads."""
    check_git()
    mend_dvc_lock()
    sources.check()


def check_git() -> None:
    """Stop where this folder isn't a Git repository, which DVC needs."""
    if shutil.which("git") is None:
        raise UserError("Git is not installed, and DVC keeps its records in it. Install Git, then type `make repro`.")
    if subprocess.run(["git", "rev-parse", "--git-dir"], capture_output=True).returncode:
        raise UserError(
            "This folder is not a Git repository, as a downloaded ZIP isn't one, and DVC needs one. Type `git init && "
            "git add --all && git commit --message start`, then `make repro`; or use `git clone` in place of the "
            "download."
        )


def mend_dvc_lock() -> None:
    """Remove DVC's read-write lock where it isn't JSON any more; DVC writes it anew."""
    try:
        json.loads(RWLOCK.read_text(encoding="utf-8"))
    except FileNotFoundError:
        pass
    except ValueError:
        RWLOCK.unlink()
        print(f"note: a run that was killed had left {RWLOCK} unreadable; it was removed")


if __name__ == "__main__":
    main()
