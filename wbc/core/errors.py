"""Errors that end with a message for the user in place of a traceback."""

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

P, R = ParamSpec("P"), TypeVar("R")


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

    Any other exception is a bug of ours and keeps its traceback.
    """

    @functools.wraps(main)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return main(*args, **kwargs)
        except UserError as error:
            message = str(error)
        except FileNotFoundError as error:
            message = f"{error.filename} is not there. It comes from an earlier stage: type `dvc repro`, which runs it."
        print(f"\nerror: {message}\n", file=sys.stderr)
        sys.exit(1)

    return wrapper
