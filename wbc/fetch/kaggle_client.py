"""Kaggle's client as a command, run by its path, that refuses redirects out of an encrypted connection.

    python wbc/fetch/kaggle_client.py datasets download OWNER/NAME -p FOLDER

The client uses Requests, which follows redirects even from https to plain http, where anybody can replace the answer.
"""

import runpy
import urllib.parse

import requests


class RefusedRedirectError(requests.exceptions.ConnectionError):
    """Redirect of the client from https to another protocol."""


def refuse_downgrades() -> None:
    """Make every session of `requests` in this process refuse redirects from https to another protocol."""
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
