"""Errors that speak to a person: a message instead of a traceback."""

import functools
import sys


class UserError(Exception):
    """Something the user can put right.

    The message says what was asked, what was found, and what to type next.
    """


def exit_on_user_error(main):
    """Make a stage's `main` end with a message and exit status 1 where the user can put right what is wrong.

    Any other exception is a bug of ours and keeps its traceback.
    """

    @functools.wraps(main)
    def wrapper(*args, **kwargs):
        try:
            result = main(*args, **kwargs)
        except UserError as error:
            message = str(error)
        except FileNotFoundError as error:
            message = f"{error.filename} is not there. It comes from an earlier stage: type `dvc repro`, which runs it."
        else:
            return result
        print(f"\nerror: {message}\n", file=sys.stderr)
        sys.exit(1)

    return wrapper
