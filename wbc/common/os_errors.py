"""Messages for errors of the operating system: a full disk, a missing file, a path without permission."""

import errno
import os
import shutil
import sys
import tempfile
from pathlib import Path

NEARLY_FULL = 64 * 2**20  # bytes; a disk with less free space may be the full one


def explain_os_error(error: OSError | MemoryError) -> str:
    """Return a message with the path, the operating system's error and the remedy."""
    if isinstance(error, MemoryError):
        return "There is too little memory. Close other programs, or use a larger machine; nothing was changed."
    path = os.fspath(error.filename) if isinstance(error.filename, str | os.PathLike) else None
    where = path or "a file"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return full_disk(path)
    if isinstance(error, FileNotFoundError):
        return f"{where} is not there. It comes from an earlier stage: type `dvc repro`, which runs it."
    if isinstance(error, PermissionError):
        if path is not None and not os.access(path, os.F_OK):  # a new file in a folder that can't be written
            where = f"The folder {_existing(Path(path))}/"
            return f"{where} can't be written: {error.strerror}.{_owner(path)} Make it writable, then type it again."
        return (
            f"{where} can't be used: {error.strerror}.{_owner(path)} Make it readable and writable, then type it again."
        )
    remedies = {
        errno.EROFS: "Its disk is read-only: work in a folder that can be written to.",
        errno.EMFILE: "This process may not open more files: raise the limit by `ulimit -n 4096`, then type it again.",
        errno.ENFILE: "The system has too many open files: close other programs, then type it again.",
        errno.ENAMETOOLONG: "Its name is too long for this disk: move the project to a folder with a shorter path.",
        errno.EIO: "The disk failed to read or write it: check the disk, then type it again.",
        errno.EFBIG: "It grew beyond the size that `ulimit -f` or the disk allows.",
        errno.ENOMEM: "There is too little memory: close other programs, then type it again.",
        errno.ESTALE: "The network disk has lost it: connect it again, then type it again.",
    }
    remedy = remedies.get(error.errno or 0, "Put that right, then type it again.")
    return f"{where} can't be used: {error.strerror or error}. {remedy}"


def reader_has_gone() -> bool:
    """Return whether the reader of this process's output has gone; if so, discard further output."""
    try:
        print(flush=True)
    except BrokenPipeError:
        # Python flushes once more at its end: https://docs.python.org/3/library/signal.html#note-on-sigpipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


def full_disk(path: str | os.PathLike | None) -> str:
    """Return a message that names each full disk: of `path`, of the project, or of the temporary folder.

    The system's error often carries no path, or names a file in the project when the temporary folder was full.
    """
    places = {"the project": Path.cwd(), "temporary files (TMPDIR)": Path(tempfile.gettempdir())}
    if path is not None:
        places = {str(path): _existing(Path(path))} | places
    full = [f"{name} ({shutil.disk_usage(place).free / 2**20:,.0f} MB left at {place})"
            for name, place in places.items() if shutil.disk_usage(place).free < NEARLY_FULL]  # fmt: skip
    disk = f"that of {' and of '.join(full)}" if full else f"that of {path or 'the project'}, or a quota is used up"
    return (
        f"The disk is full: {disk}. Nothing was changed. Free some space there, then type it again. (Computed features "
        "in .cache/ can be deleted, they are made anew; `dvc gc` would delete models of experiments.)"
    )


def _existing(path: Path) -> Path:
    """Return `path`, or its nearest parent that exists."""
    path = path.absolute()
    return next((place for place in (path, *path.parents) if os.access(place, os.F_OK)), Path("/"))


def _owner(path: str | None) -> str:
    """Return a sentence that names the owner of `path` or its nearest existing parent; "" for the user's own."""
    if path is None or not hasattr(os, "getuid"):
        return ""
    import pwd

    owner = _existing(Path(path)).stat().st_uid
    if owner == os.getuid():
        return ""
    try:
        return f" It belongs to {pwd.getpwuid(owner).pw_name}."
    except KeyError:  # a user of another machine or container
        return f" It belongs to the user with number {owner}."
