"""Which inputs of a stage are not what DVC recorded: said when a stage is run without DVC, and when it has failed.

DVC itself looks at them before it runs a stage.
"""

import hashlib
import json
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

LARGE = 64 * 2**20  # bytes; a larger file is compared only when a stage has failed ...
MANY = 1000  # ... and so is a folder of more files
NAMED = 3  # changed inputs that a message names
LOCK = Path("dvc.lock")
CACHE = Path(".dvc/cache/files/md5")


def note_changes() -> None:
    """Print a note where the running stage was started without DVC and reads what isn't recorded."""
    if "DVC_STAGE" in os.environ:
        return
    if changed := changed_inputs(_module(), LARGE):
        print(f"note: not what dvc.lock records: {_listed(changed)}. `dvc repro` makes it anew.", file=sys.stderr)


def explain(error: Exception) -> str:
    """Return a message that blames the running stage's error on its changed inputs, or "" where none has changed."""
    changed = changed_inputs(_module())
    if not changed:
        return ""
    return (
        f"This stage can't use what it reads ({type(error).__name__}: {error}), and of that these files are not what "
        f"dvc.lock records: {_listed(changed)}. They are damaged, or were edited by hand. Next: `dvc repro` makes them "
        "anew."
    )


def changed_inputs(module: str, largest: float = math.inf) -> list[tuple[str, str]]:
    """Return the (path, stage that wrote it) of a stage's inputs whose content isn't the recorded one.

    A folder is compared file by file where DVC's cache holds its list. What no stage wrote, such as code, is left out.

    Args:
        module: the stage's, as it is run: "stages.train". Of any other there are none.
        largest: bytes above which a file counts as unchanged.
    """
    if not module.startswith("stages.") or not LOCK.is_file():
        return []
    try:
        lock = yaml.load(LOCK.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:  # DVC says what is wrong with it
        return []
    stages = (lock or {}).get("stages", {})
    writers = {out["path"]: name for name, stage in stages.items() for out in stage.get("outs", [])}
    recorded = {
        dep["path"]: dep["md5"]
        for stage in stages.values()
        if f"{stage['cmd']} ".startswith(f"python -m {module} ")
        for dep in stage.get("deps", [])
        if "md5" in dep
    }
    return [
        (file, _writer(path, writers))
        for path, digest in recorded.items()
        if _writer(path, writers)
        for file in _changed(Path(path), digest, largest)
    ]


def _module() -> str:
    """Return the module that this process runs by `python -m`, or ""."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec.name if spec else ""


def _listed(changed: list[tuple[str, str]]) -> str:
    named = "; ".join(f"{path}, written by {stage}" for path, stage in changed[:NAMED])
    return named + (f" and {len(changed) - NAMED:,} more" if len(changed) > NAMED else "")


def _writer(path: str, writers: dict[str, str]) -> str:
    """Return the stage that wrote `path` or the folder around it, or ""."""
    return next((writers[str(place)] for place in (Path(path), *Path(path).parents) if str(place) in writers), "")


def _changed(path: Path, digest: str, largest: float) -> Iterator[str]:
    """Yield the files of an input that are missing or other than recorded."""
    if digest.endswith(".dir"):
        listed = CACHE / digest[:2] / digest[2:]
        entries = json.loads(listed.read_bytes()) if listed.is_file() else []
        for entry in entries if len(entries) <= MANY or largest == math.inf else []:
            yield from _changed(path / entry["relpath"], entry["md5"], largest)
    elif not path.is_file():
        yield path.as_posix()
    elif path.stat().st_size <= largest:
        with path.open("rb") as file:
            if hashlib.file_digest(file, "md5").hexdigest() != digest:
                yield path.as_posix()
