"""Lock that allows one run at a time."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import filelock

from wbc.common.errors import UserError


@contextlib.contextmanager
def file_lock(path: Path | str) -> Iterator[None]:
    """Hold the lock file `path` during the block. The system frees it when the process ends, even by a kill.

    Raises:
        UserError: another process holds it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(path, blocking=False)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise UserError(f"Another run is at work: it holds {path}. Wait until it has ended.") from None
    try:
        yield
    finally:
        lock.release()
