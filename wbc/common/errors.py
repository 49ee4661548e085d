"""Errors that end a script with a message for the user instead of a traceback."""

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

from wbc.common import environment  # noqa: F401 (before a library reads what it sets)
from wbc.common.os_errors import explain_os_error, reader_has_gone

P = ParamSpec("P")
R = TypeVar("R")
INTERRUPTED, UNREAD = 130, 141  # exit statuses as in shells: 128 + SIGINT, 128 + SIGPIPE


class UserError(Exception):
    """Error that the user can correct. The message names the expected and the found value.

    The library states the facts. The caller adds the change to make and the next command, by `advise`.
    """


@contextlib.contextmanager
def advise(advice: str, kind: type[UserError] = UserError) -> Iterator[None]:
    """Add advice, in full sentences, to the errors of one kind that the block raises."""
    try:
        yield
    except kind as error:
        raise type(error)(f"{error} {advice}") from error


def exit_on_user_error(main: Callable[P, R]) -> Callable[P, R]:
    """End a script's `main` with a message and exit status 1 on an error that the user can correct.

    These are `UserError`, `OSError` and `MemoryError`. Ctrl-C ends with status 130, a closed pipe (`... | head`) with
    status 141. Any other exception is a bug and keeps its traceback.
    """

    @functools.wraps(main)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            result = main(*args, **kwargs)
            sys.stdout.flush()
            return result
        except KeyboardInterrupt:
            print("\nstopped by Ctrl-C. What was there before is unchanged.", file=sys.stderr)
            sys.exit(INTERRUPTED)
        except (UserError, OSError, MemoryError) as error:
            if isinstance(error, BrokenPipeError) and reader_has_gone():
                sys.exit(UNREAD)
            print(f"\nerror: {error if isinstance(error, UserError) else explain_os_error(error)}\n", file=sys.stderr)
        sys.exit(1)

    return wrapper
