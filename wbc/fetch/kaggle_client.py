"""The Kaggle client as a command, run by its path, which follows no redirect out of an encrypted connection.

    python wbc/fetch/kaggle_client.py datasets download OWNER/NAME -p FOLDER

Requests, which the client uses, goes wherever a server sends it: from https to plain http, where what comes may be
anybody's.
"""

import runpy
import urllib.parse

import requests


class RefusedRedirectError(requests.exceptions.ConnectionError):
    """A server sent the client from https to another protocol."""


def refuse_downgrades() -> None:
    """Make every session of `requests` in this process refuse to be sent from https to anything else."""
    follow = requests.Session.get_redirect_target

    def checked(session: requests.Session, response: requests.Response) -> str | None:
        target = follow(session, response)
        scheme = urllib.parse.urlsplit(target or "").scheme.lower()
        if response.url.startswith("https:") and scheme not in ("", "https"):
            raise RefusedRedirectError(
                f"{response.url.split('?')[0]} sends on to {str(target).split('?')[0]}, unencrypted"
            )
        return target

    requests.Session.get_redirect_target = checked  # type: ignore[method-assign,assignment]


if __name__ == "__main__":
    refuse_downgrades()
    runpy.run_module("kaggle", run_name="__main__", alter_sys=True)
