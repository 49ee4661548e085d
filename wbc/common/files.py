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

MAKING, PARTIAL = ".making", ".partial"  # suffixes of the temporary folder in which a file or folder is made
DATE = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip can hold
UNIX = 3  # a zip's code of the system that wrote it
LOCK, REPLACED = ".lock", ".replaced"  # in the temporary folder: its owner's lock, and briefly the old folder


@contextlib.contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path next to `path` to write a file or make a folder at; on success it replaces `path`.

    If the block raises, or the process is killed, `path` is unchanged. The next call removes what a killed process
    left, and restores an old folder that it had moved aside.

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
                # A folder can't be renamed over one with content, so the old one is moved aside first.
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
    """Make a folder next to `path` for the block, and hold a lock in it; the system frees it if the process dies."""
    making = Path(tempfile.mkdtemp(prefix=f".{path.name[:40]}.", suffix=MAKING, dir=path.parent))
    room = making.with_suffix(PARTIAL)
    lock = filelock.FileLock(making / LOCK, blocking=False)
    try:
        lock.acquire()
        making.rename(room)  # from here on, other processes may check whether it is a leftover
        yield room
    finally:
        lock.release()
        for left in (making, room):
            shutil.rmtree(left, ignore_errors=True)


def _clear_leftovers(path: Path) -> None:
    """Remove what ended processes left next to `path`, and restore folders that they had moved aside.

    A living process holds the lock in its folder, on any host and in any container.
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
    """Move the old folder back to `path` if it was moved aside and nothing has replaced it."""
    if (room / REPLACED).exists() and not path.exists():
        (room / REPLACED).replace(path)


@contextlib.contextmanager
def reading(path: Path | str) -> Iterator[None]:
    """Raise an error that names a file of this pipeline if the block can't parse it.

    Readers of JSON, CSV and arrays raise many kinds of errors for a damaged file. The block must do nothing but read.

    Raises:
        UserError: the file is damaged.
    """
    try:
        yield
    except (UserError, OSError, MemoryError):  # their messages are specific already
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
    """Return the content of the JSON file at `path`.

    Raises:
        UserError: the file is damaged.
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
    """Write `members`, {name: content}, into a zip in their order, uncompressed.

    The bytes depend on the members alone. `numpy.savez` and `zipfile` also write times, the system, and headers that
    changed between releases of Python 3.11.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as written:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, DATE)
            info.create_system = UNIX
            written.writestr(info, content)


def write_npz(path: Path, arrays: Mapping[str, npt.NDArray]) -> None:
    """Write `arrays`, {name: array}, in their order as an .npz file for `numpy.load`.

    Raises:
        ValueError: an array holds Python objects.
    """
    members = {}
    for name, array in arrays.items():
        file = io.BytesIO()
        np.lib.format.write_array(file, array, allow_pickle=False)
        members[f"{name}.npy"] = file.getvalue()
    write_zip(path, members)
