"""Files and folders that appear whole or not at all."""

import contextlib
import errno
import glob
import hashlib
import io
import json
import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock
import numpy as np
import numpy.typing as npt

from wbc.common.errors import UserError
from wbc.common.os_errors import full_disk

if TYPE_CHECKING:
    import pandas as pd

MAKING, PARTIAL = ".making", ".partial"  # endings of the folder in which a file or folder is made
DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can hold
UNIX = 3  # what a zip says of the system that wrote it
LOCK, REPLACED = ".lock", ".replaced"  # in it: the lock of its owner, and the old folder for a moment


@contextlib.contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Yield a path beside `path` to write a file or make a folder at; on success it takes the place of `path`.

    If the block raises, or the process is killed, `path` is as it was before. What a killed process leaves beside it
    is removed, or put back where it had been moved aside, the next time.

    >>> with replacing(Path("data/manifest.csv")) as partial:      # doctest: +SKIP
    ...     frame.to_csv(partial)

    Raises:
        UserError: the disk is full.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear_leftovers(path)
        with _room_beside(path) as room:
            partial = room / path.name
            yield partial
            if path.is_dir() and not path.is_symlink():
                if partial.is_file():
                    raise IsADirectoryError(errno.EISDIR, "it is a folder, and a file was to take its place", str(path))
                # A folder can't be renamed over a full one: the old one steps aside for the moment in between.
                path.replace(room / REPLACED)
            try:
                partial.replace(path)
            except BaseException:
                _put_back(room, path)
                raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(full_disk(path)) from error
        raise


@contextlib.contextmanager
def _room_beside(path: Path) -> Iterator[Path]:
    """Make a folder beside `path` for the block, with a lock in it that is held as long as this process lives."""
    making = Path(tempfile.mkdtemp(prefix=f".{path.name[:40]}.", suffix=MAKING, dir=path.parent))
    room = making.with_suffix(PARTIAL)
    lock = filelock.FileLock(making / LOCK, blocking=False)
    try:
        lock.acquire()
        making.rename(room)  # only now can others see it as one that somebody may have left behind
        yield room
    finally:
        lock.release()
        for left in (making, room):
            shutil.rmtree(left, ignore_errors=True)


def _clear_leftovers(path: Path) -> None:
    """Remove what ended processes have left beside `path`, and put back what they had moved aside.

    A process holds the lock in its folder as long as it lives, on whatever host or in whatever container.
    """
    beside = f".{glob.escape(path.name[:40])}.*"
    half_made = (room for room in path.parent.glob(beside + MAKING) if room.stat().st_mtime < time.time() - 60)
    for room in [*path.parent.glob(beside + PARTIAL), *half_made]:
        lock = filelock.FileLock(room / LOCK, blocking=False)
        try:
            lock.acquire()
        except (filelock.Timeout, OSError):  # its owner is alive, or has just removed it
            continue
        try:
            _put_back(room, path)
        finally:
            lock.release()
        shutil.rmtree(room, ignore_errors=True)


def _put_back(room: Path, path: Path) -> None:
    """Move the old folder back to `path` where it was moved aside and nothing has taken its place."""
    if (room / REPLACED).exists() and not path.exists():
        (room / REPLACED).replace(path)


@contextlib.contextmanager
def reading(path: Path | str) -> Iterator[None]:
    """Name a file of this pipeline in the error where the block can't make sense of it.

    Readers of JSON, CSV and arrays raise errors of many kinds for a damaged file. The block reads, and nothing else.

    Raises:
        UserError: the file is damaged.
    """
    try:
        yield
    except (UserError, OSError, MemoryError):  # they say by themselves what is wrong
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise UserError(
            f"{path} is damaged, or was edited by hand ({reason}). Type `dvc repro`, which makes it anew."
        ) from error


def write_json(path: Path | str, content: Any) -> None:
    """Write `content` as indented JSON in the order given, ending in a newline; NaN is refused."""
    with replacing(path) as partial:
        partial.write_text(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path | str) -> Any:
    """Return what the JSON file at `path` holds.

    Raises:
        UserError: it is damaged.
    """
    with reading(path):
        return json.loads(Path(path).read_text(encoding="utf-8"))


def write_csv(path: Path | str, frame: "pd.DataFrame") -> None:
    """Write a pandas DataFrame as UTF-8 CSV without its index, with Unix line ends on every system."""
    with replacing(path) as partial:
        frame.to_csv(partial, index=False, lineterminator="\n", encoding="utf-8")


def sha256(path: Path | str) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits, reading it in blocks."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_zip(path: Path, members: Mapping[str, bytes]) -> None:
    """Write `members` into a zip, by their names and in their order, uncompressed.

    The bytes depend on the members alone. `numpy.savez` and `zipfile` write times, the system, and headers that changed
    between releases of Python 3.11.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as written:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, DATE)
            info.create_system = UNIX
            written.writestr(info, content)


def write_npz(path: Path, arrays: Mapping[str, npt.NDArray]) -> None:
    """Write `arrays`, by their names and in their order, as `numpy.load` reads them; no Python objects.

    Raises:
        ValueError: an array holds Python objects.
    """
    members = {}
    for name, array in arrays.items():
        file = io.BytesIO()
        np.lib.format.write_array(file, array, allow_pickle=False)
        members[f"{name}.npy"] = file.getvalue()
    write_zip(path, members)
