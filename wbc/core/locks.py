"""One run at a time."""

import contextlib
import fcntl
from pathlib import Path

from wbc.core.errors import UserError


@contextlib.contextmanager
def file_lock(path):
    """Hold the lock file `path` during the block. The system frees it when the process ends, however it ends.

    Raises:
        UserError: another process holds it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"Another run of this stage is at work (it holds {path}). Wait until it has ended, then type "
                f"`dvc repro`."
            ) from None
        yield
