"""Files and folders that appear whole or not at all."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

from wbc.core.errors import UserError


@contextlib.contextmanager
def replacing(path):
    """Yield a path beside `path` to write a file or make a folder at; on success it takes the place of `path`.

    If the block raises, or the process is killed, `path` is as it was before. What a killed process leaves beside it
    is removed the next time.

    >>> with replacing(Path("data/manifest.csv")) as partial:      # doctest: +SKIP
    ...     frame.to_csv(partial)

    Raises:
        UserError: the disk is full.
    """
    path = Path(path)
    room = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        room = Path(tempfile.mkdtemp(prefix=f".{path.name[:40]}.{os.getpid()}.", suffix=".partial", dir=path.parent))
        partial = room / path.name
        yield partial
        if path.is_dir() and not path.is_symlink():
            # A folder can't be renamed over a full one: the old one steps aside for the moment in between.
            path.replace(room / "replaced")
        partial.replace(path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(
                f"The disk is full: {path} could not be written, and nothing was changed. Free some space "
                "(`dvc gc --workspace` drops cached data of old runs), then type `dvc repro`."
            ) from error
        raise
    finally:
        if room:
            shutil.rmtree(room, ignore_errors=True)


def _remove_leftovers(path):
    """Remove what processes that are no more have left half-made beside `path`."""
    for leftover in path.parent.glob(f".{path.name[:40]}.*.partial"):
        process = leftover.name.split(".")[-3]
        if process.isdigit() and not _is_running(int(process)):
            shutil.rmtree(leftover, ignore_errors=True)


def _is_running(process):
    try:
        os.kill(process, 0)  # signal 0 only asks
    except ProcessLookupError:
        return False
    except PermissionError:  # it is another user's
        return True
    return True


def write_json(path, content):
    """Write `content` as indented JSON in the order given, ending in a newline; NaN is refused."""
    with replacing(path) as partial:
        partial.write_text(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path):
    """Return what the JSON file at `path` holds."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def write_csv(path, frame):
    """Write a pandas DataFrame as UTF-8 CSV without its index, with Unix line ends on every system."""
    with replacing(path) as partial:
        frame.to_csv(partial, index=False, lineterminator="\n", encoding="utf-8")


def sha256(path):
    """Return the SHA-256 of a file as 64 hexadecimal digits, reading it in blocks."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
