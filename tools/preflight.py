"""Checks before `dvc repro`: `make repro` runs them first, since DVC's own messages name no parameter.

    python -m tools.preflight

If something must be corrected, they print the next step and end with exit status 1. One file is repaired: DVC's own
lock file, which a killed DVC can leave empty. An empty one would end every later run.
"""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pydantic
import yaml

from tools import lock_environment
from wbc.common import params
from wbc.common.errors import UserError, exit_on_user_error
from wbc.embed.params import EmbedParams
from wbc.evaluate.params import IntervalParams
from wbc.export.params import ExportParams, FormatsParams
from wbc.fetch.archive_check import check_archive, check_only_delivered
from wbc.fetch.params import FetchParams
from wbc.plot.params import PlotParams, ReportParams
from wbc.predict.params import ExternalParams
from wbc.split.params import SplitParams
from wbc.train.params import TrainParams

RWLOCK, LOCK = Path(".dvc/tmp/rwlock"), Path("dvc.lock")
IMAGES, DATA = Path("data/images"), Path("data")
RESULTS = [
    Path(path) for path in ("data/images", "data/quarantine", "data/features", "data/baselines", "models", "reports")
]
SMALL = 2**20  # bytes; a linked file up to this size is compared with dvc.lock
SECTIONS: dict[str, type[pydantic.BaseModel]] = {
    "fetch": FetchParams,
    "split": SplitParams,
    "embed": EmbedParams,
    "train": TrainParams,
    "intervals": IntervalParams,
    "plot": PlotParams,
    "report": ReportParams,
    "export": ExportParams,
    "external": ExternalParams,
    "formats": FormatsParams,
}


@exit_on_user_error
def main() -> None:
    """Stop if `dvc repro` would fail with a misleading message."""
    check_git()
    repair_dvc_lock()
    check_parameters()
    lock_environment.check()
    check_only_delivered(IMAGES, DATA)
    check_linked_outputs()


def check_git() -> None:
    """Stop if this folder isn't a Git repository, which DVC needs."""
    if shutil.which("git") is None:
        raise UserError("Git is not installed, and DVC keeps its records in it. Install Git, then type `make repro`.")
    if subprocess.run(["git", "rev-parse", "--git-dir"], capture_output=True).returncode:
        raise UserError(
            "This folder is not a Git repository, and DVC needs one. A downloaded ZIP isn't one. "
            "Type `git init && git add "
            "--all && git commit --message start`, then `make repro`; or use `git clone` instead of the download."
        )


def repair_dvc_lock() -> None:
    """Remove DVC's read-write lock if it isn't valid JSON; DVC writes it again."""
    try:
        json.loads(RWLOCK.read_text(encoding="utf-8"))
    except FileNotFoundError:
        pass
    except ValueError:
        RWLOCK.unlink()
        print(f"note: a killed run had left {RWLOCK} unreadable; it was removed")


def check_parameters() -> None:
    """Stop if a section of params.yaml is wrong or names a missing archive."""
    settings: dict[str, Any] = {name: params.load("params.yaml", name, schema) for name, schema in SECTIONS.items()}
    unknown = set(params.read_yaml("params.yaml")) - set(SECTIONS)
    if unknown:
        raise UserError(f"params.yaml has a section `{sorted(unknown)[0]}`, which no stage reads. Remove it.")
    if settings["fetch"].source == "archive":
        check_archive("fetch.archive", settings["fetch"].archive, RESULTS)
    for name, site in settings["external"].root.items():
        check_archive(f"external.{name}.archive", site.archive, [])


def check_linked_outputs() -> None:
    """Stop if a small output that links into DVC's cache was edited: DVC trusts its cache and wouldn't notice.

    Raises:
        UserError: an output is not what dvc.lock records.
    """
    if not LOCK.is_file():
        return
    stages = (yaml.safe_load(LOCK.read_text(encoding="utf-8")) or {}).get("stages", {})
    for stage in stages.values():
        for out in stage.get("outs", []):
            file = Path(out["path"])
            is_link = file.is_file() and _is_linked(file) and file.stat().st_size <= SMALL
            if is_link and hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest() != out["md5"]:
                raise UserError(
                    f"{file} is a link into DVC's cache and was edited there, so every project that shares the cache "
                    f"is affected. Type `rm {file.resolve()} && dvc repro`, and see docs/how-to/share.md."
                )


def _is_linked(file: Path) -> bool:
    return file.is_symlink() or file.stat().st_nlink > 1


if __name__ == "__main__":
    main()
