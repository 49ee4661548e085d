"""Find what would end `dvc repro` in a message of DVC's that nobody understands; `make repro` runs it first.

    python -m tools.preflight

Exit status 1 with what to type where something is to be put right. The one thing that is mended here is DVC's own lock
file, which a killed DVC can leave empty, and which then ends every later run.
"""

import json
import shutil
import subprocess
from pathlib import Path

from wbc.core.errors import UserError, exit_on_user_error
from wbc.core.params import read_yaml

RWLOCK = Path(".dvc/tmp/rwlock")


@exit_on_user_error
def main() -> None:
    """Stop before `dvc repro` where it would fail with a message that misleads."""
    check_git()
    mend_dvc_lock()
    check_archive(read_yaml("params.yaml"))


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


def check_archive(params: dict) -> None:
    """Stop where `fetch.archive` isn't there: it is a dependency of DVC's, whatever the source."""
    fetch = params.get("fetch") if isinstance(params, dict) else None
    if not isinstance(fetch, dict) or "archive" not in fetch:
        return  # the stage says what is wrong
    archive = fetch["archive"]
    if isinstance(archive, str) and archive and Path(archive).exists():
        return
    if fetch.get("source") == "archive":
        home = " A `~` isn't read as your home folder: write it out." if str(archive).startswith("~") else ""
        raise UserError(
            f"`fetch.archive` in params.yaml is {archive!r}, and there is no such zip or folder.{home} Nothing was "
            "changed. "
            "Name one that is there. If the images were prepared on another machine, `dvc pull` and then `dvc repro "
            "--allow-missing` use them without the archive."
        )
    raise UserError(
        f"`fetch.archive` in params.yaml is {archive!r}, and there is no such zip or folder. `fetch.source: "
        f"{fetch.get('source')}` doesn't use it, but DVC looks for it all the same: set `archive: data/archive`. "
        "Nothing was "
        "changed."
    )


if __name__ == "__main__":
    main()
