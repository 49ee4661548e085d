"""Errors that speak to a person: a message instead of a traceback."""

import functools
import sys


class UserError(Exception):
    """Something the user can put right.

    The message says what was asked, what was found, and what to type next.
    """


def speaks_to_people(main):
    """Make `main` end with its message and exit status 1 where it raises a `UserError`.

    Any other exception is a bug of ours and keeps its traceback.
    """

    @functools.wraps(main)
    def wrapper(*args, **kwargs):
        try:
            return main(*args, **kwargs)
        except UserError as error:
            print(f"\n{main.__module__ if main.__module__ != '__main__' else 'error'}: {error}\n", file=sys.stderr)
            sys.exit(1)

    return wrapper
