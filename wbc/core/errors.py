"""Errors that end with a message for the user in place of a traceback."""

import contextlib
import errno
import functools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ParamSpec, TypeVar

from wbc.core import (
    environment,  # noqa: F401 (before a library reads what it sets)
    inputs,
)

P = ParamSpec("P")
R = TypeVar("R")

INTERRUPTED = 130  # exit status of a command that Ctrl-C ended, as shells have it: 128 + SIGINT
UNREAD = 141  # of one whose reader has gone, as in `... | head`: 128 + SIGPIPE
NEARLY_FULL = 64 * 2**20  # bytes; a disk with less left may be the full one


class UserError(Exception):
    """Something the user can put right; the message says what was asked and what was found.

    The library raises it with the facts it knows. What to change and what to type next is the caller's to add, by
    `advise`: a stage knows its parameters and its command, the library knows neither.
    """


@contextlib.contextmanager
def advise(advice: str, kind: type[UserError] = UserError) -> Iterator[None]:
    """Add advice to the errors of one kind that the block raises.

    >>> with advise("Set `fetch.archive` in params.yaml, then type `dvc repro`."):
    ...     raise UserError("cells.zip doesn't exist.")
    Traceback (most recent call last):
    wbc.core.errors.UserError: cells.zip doesn't exist. Set `fetch.archive` in params.yaml, then type `dvc repro`.

    Args:
        advice: full sentences: what to change, what to type next.
        kind: `UserError`, or a subclass where the advice fits that one only.
    """
    try:
        yield
    except kind as error:
        raise type(error)(f"{error} {advice}") from error


def exit_on_user_error(main: Callable[P, R]) -> Callable[P, R]:
    """Make a script's `main` end with a message and exit status 1 where the user can put right what is wrong.

    That is a `UserError`, what the operating system refuses, and Ctrl-C (status 130). Where whoever read its output has
    gone, it ends without a word (status 141), as other commands do. Where a stage's inputs are not those that DVC
    recorded, any other exception is blamed on them. What is left is a bug of ours and keeps its traceback.
    """

    @functools.wraps(main)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            inputs.note_changes()
            result = main(*args, **kwargs)
            sys.stdout.flush()
            return result
        except UserError as error:
            message = str(error)
        except OSError as error:
            if isinstance(error, BrokenPipeError) and _is_unread():
                sys.exit(UNREAD)
            message = explain_os_error(error)
        except KeyboardInterrupt:
            print("\nstopped by Ctrl-C. What was there before is unchanged.", file=sys.stderr)
            sys.exit(INTERRUPTED)
        except MemoryError:
            message = "There is too little memory. Close other programs, or use a larger machine; nothing was changed."
        except Exception as error:
            message = inputs.explain(error)
            if not message:
                raise
        print(f"\nerror: {message}\n", file=sys.stderr)
        sys.exit(1)

    return wrapper


def _is_unread() -> bool:
    """Return whether whoever read this process's output has gone; what is printed from here on goes nowhere."""
    try:
        print(flush=True)
    except BrokenPipeError:
        # Python flushes once more at its end: https://docs.python.org/3/library/signal.html#note-on-sigpipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


def explain_os_error(error: OSError) -> str:
    """Return what the operating system refused, about which path, and the remedy."""
    path = os.fspath(error.filename) if isinstance(error.filename, str | os.PathLike) else None
    where = path or "a file"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return full_disk(path)
    if isinstance(error, FileNotFoundError):
        return f"{where} is not there. It comes from an earlier stage: type `dvc repro`, which runs it."
    if isinstance(error, PermissionError):
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


def full_disk(path: str | os.PathLike | None) -> str:
    """Return which disk is full: that of `path` if it is, else that of the folder for temporary files.

    The system's error often carries no path, and names a file in the project where the temporary folder was full.
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
    """Return `path`, or the nearest folder above it that exists."""
    path = path.absolute()
    return next((place for place in (path, *path.parents) if place.exists()), Path("/"))


def _owner(path: str | None) -> str:
    """Say who owns `path`, or the nearest folder above that exists, where that is somebody else."""
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
