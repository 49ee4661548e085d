"""Errors that end with a message for the user in place of a traceback."""

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

from wbc.common import environment  # noqa: F401 (before a library reads what it sets)
from wbc.common.os_errors import explain_os_error, reader_has_gone

P = ParamSpec("P")
R = TypeVar("R")
INTERRUPTED, UNREAD = 130, 141  # exit statuses as shells have them: 128 + SIGINT, 128 + SIGPIPE


class UserError(Exception):
    """Something that the user can put right. The message says what was expected and what was found.

    The library gives the facts. The caller adds what to change and what to type next, by `advise`.
    """


@contextlib.contextmanager
def advise(advice: str, kind: type[UserError] = UserError) -> Iterator[None]:
    """Add advice, in full sentences, to the errors of one kind that the block raises."""
    try:
        yield
    except kind as error:
        raise type(error)(f"{error} {advice}") from error


def exit_on_user_error(main: Callable[P, R]) -> Callable[P, R]:
    """Make a script's `main` end with a message and exit status 1 where the user can put right what is wrong.

    That is a `UserError` or what the operating system refuses. Ctrl-C ends with status 130, a reader that has gone
    (`... | head`) with status 141. Any other exception is a bug of ours and keeps its traceback.
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
