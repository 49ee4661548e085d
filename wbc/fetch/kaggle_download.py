"""Download of a public Kaggle data set as one zip, without an account, into a cache."""

import contextlib
import ctypes
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from wbc.common import files
from wbc.common.errors import UserError
from wbc.fetch import kaggle_client

SILENCE, LEAST = 60, 10_000  # seconds, and the number of bytes that must arrive within them
SIGN_OF_LIFE = 10  # seconds between two lines of progress
SHORTEST_SECRET = 6  # letters; shorter parts of a token may be words of the message

_SECRET_NAME = re.compile(r"TOKEN|SECRET|PASSWORD|KAGGLE_KEY|API_KEY")
_ACCOUNT = (
    "make a token at https://www.kaggle.com/settings/api, put it in the environment variable KAGGLE_API_TOKEN or in "
    "the file ~/.kaggle/access_token"
)
_NO_NETWORK = re.compile(
    r"Max retries exceeded|Connection refused|Connection aborted|Failed to resolve|Network is unreachable|timed out"
)


def download(dataset: str, version: int, cache: Path, sha256: str | None = None) -> tuple[Path, str]:
    """Return the zip of one version of a Kaggle data set, downloaded unless the cache holds it whole.

    The Kaggle client checks the length only, so the SHA-256 is computed here, stored next to the zip, and compared.

    >>> download("brikwerk/bccd-white-blood-cell", 1, Path(".cache/kaggle"))      # doctest: +SKIP
    (PosixPath('.cache/kaggle/brikwerk--bccd-white-blood-cell--1/archive.zip'), '5cf1...')

    Args:
        dataset: "OWNER/NAME".
        version: 1, 2, ...
        cache: folder in which downloads are kept.
        sha256: expected SHA-256 of the zip, 64 hexadecimal digits; None accepts any.

    Returns:
        (path, sha256) of the zip.

    Raises:
        UserError: Kaggle has no such data set or version, requires an account, is unreachable, breaks off, or sends
            another file than requested. Nothing is kept then.
    """
    kept = Path(cache) / f"{dataset.replace('/', '--')}--{version}"
    archive, recorded = kept / "archive.zip", kept / "sha256.txt"
    if archive.is_file() and recorded.is_file():
        digest = files.sha256(archive)
        if digest == recorded.read_text().strip() and sha256 in (None, digest):
            print(f"Kaggle data set {dataset}, version {version}: {archive} is whole; no download is needed.")
            return archive, digest
        print(f"{archive} isn't what was downloaded or isn't what `sha256` asks for; it is downloaded again.")
    print(f"Downloading Kaggle data set {dataset}, version {version} ...", flush=True)
    with files.replacing(kept) as partial:
        partial.mkdir()
        _run_client(dataset, version, partial)
        zips = list(partial.glob("*.zip"))
        if len(zips) != 1 or not zipfile.is_zipfile(zips[0]):
            raise UserError(
                f"Kaggle data set {dataset}, version {version}, was asked for, but what came is not a zip; nothing was "
                f"kept. A proxy or a login page may have answered instead. Look at "
                f"https://www.kaggle.com/datasets/{dataset} in a browser."
            )
        digest = files.sha256(zips[0])
        if sha256 not in (None, digest):
            raise UserError(
                f"Kaggle data set {dataset}, version {version}, is not the file that was asked for; nothing was kept.\n"
                f"  SHA-256 asked: {sha256}\n  SHA-256 found: {digest}\n"
                "If a part may be damaged, try again. If you trust what Kaggle serves now, ask for what was found."
            )
        zips[0].rename(partial / archive.name)
        (partial / recorded.name).write_text(f"{digest}\n")
    return archive, digest


def _run_client(dataset: str, version: int, folder: Path) -> None:
    """Download the zip into `folder` by the Kaggle client.

    It runs as a command: as a library it requires an account even for public data, and its import already logs in.
    """
    name = f"{dataset}/{version}"
    # "datasets download" must come first: by these words, the client accepts a command without an account.
    command = [sys.executable, kaggle_client.__file__, "datasets", "download", name, "-p", ".", "--quiet"]
    # It runs inside `folder`: in the project's top folder, a package called `kaggle` there would be imported instead.
    with tempfile.TemporaryFile() as errors, _child(command, folder, errors) as client:
        _wait_while_it_grows(client, folder, dataset)
        errors.seek(0)
        output = without_secrets(errors.read().decode(errors="replace"))
    if client.returncode != 0 or not any(folder.glob("*.zip")):
        raise UserError(_explain(dataset, version, output))


@contextlib.contextmanager
def _child(command: list[str], folder: Path, errors: IO[bytes]) -> Iterator[subprocess.Popen]:
    """Start the client, and end it with the block or with this process, even if that is killed."""
    client = subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        stdin=subprocess.DEVNULL,
        preexec_fn=_die_with_parent,
    )
    try:
        yield client
    finally:
        client.kill()
        client.wait()


def _die_with_parent() -> None:
    """Make Linux end this process when its parent ends (prctl 1, PR_SET_PDEATHSIG); elsewhere do nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _wait_while_it_grows(client: subprocess.Popen, folder: Path, dataset: str) -> None:
    """Wait for the client to end, and print its progress.

    Raises:
        UserError: fewer than `LEAST` bytes arrived in `SILENCE` seconds.
    """
    size, since, said = 0, time.monotonic(), time.monotonic()
    while client.poll() is None:
        time.sleep(0.1)
        now, have = time.monotonic(), _bytes_in(folder)
        if have - size >= LEAST:
            size, since = have, now
        if now - since > SILENCE:
            raise UserError(
                f"Kaggle data set {dataset}: {have - size:,} bytes came in the last {SILENCE} s, after {size:,} "
                "before; "
                "the download was given up, and nothing was kept. Check the network, and try again later."
            )
        if now - said > SIGN_OF_LIFE:
            said = now
            print(f"  {have / 1e6:,.1f} MB so far", flush=True)


def _bytes_in(folder: Path) -> int:
    size = 0
    for file in folder.glob("*"):
        with contextlib.suppress(FileNotFoundError):  # the client renames its file at the end
            size += file.stat().st_size
    return size


def without_secrets(text: str) -> str:
    """Return a client's output with all credentials masked.

    These are the keys and tokens in the environment and in Kaggle's files, whole or in parts separated by line breaks.
    Passwords in addresses and any text after a word such as "token" are masked too.
    """
    secrets = [value for name, value in os.environ.items() if _SECRET_NAME.search(name)]
    folder = Path(os.environ.get("KAGGLE_CONFIG_DIR") or "~/.kaggle").expanduser()
    for file in (folder / "kaggle.json", folder / "access_token"):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            secrets += re.split(r'["{}:,]', file.read_text(encoding="utf-8"))
    parts = {part for secret in secrets for part in secret.split() if len(part) >= SHORTEST_SECRET}
    for part in sorted(parts, key=len, reverse=True):
        text = text.replace(part, "***")
    text = re.sub(r"(\w+://)[^/\s@]+@", r"\1***@", text)
    return re.sub(r"(?i)\b(bearer\s|(?:token|key|password|secret)[\"']?\s*[=:])\s*\S+", r"\1 ***", text)


def _explain(dataset: str, version: int, output: str) -> str:
    """Return a message for the client's error output: the request, the reason and the next step.

    Standard output is ignored: without an account it always holds the help on accounts, needed or not. Empty error
    output means that Kaggle requires an account (status 401).
    """
    asked = f"Kaggle data set {dataset}, version {version}, could not be downloaded"
    page = f"https://www.kaggle.com/datasets/{dataset}"
    stated = re.search(r"\b([45]\d\d) (?:Client|Server) Error", output)
    status = int(stated[1]) if stated else None
    said = output.strip().splitlines()[-1].strip() if output.strip() else "it wants an account"
    if "No space left on device" in output:
        return f"{asked}: the disk is full. Nothing was kept. Free some space."
    if status == 404 or re.search(r"not found", output, re.IGNORECASE):
        return f"{asked}: Kaggle says that it doesn't exist ({said}). Check its name and version against {page}."
    wants_account = not output.strip() or re.search(r"was denied|forbidden|consent|authenticat", output, re.IGNORECASE)
    if status in (401, 403) or wants_account:
        return (
            f"{asked}: Kaggle refuses it ({said}). Kaggle says so of a misspelt name too: look at {page}. If it is "
            f"there but is private or asks you to agree to something, agree in the browser, and {_ACCOUNT}. If you "
            "have "
            "a token, it may have expired: make a new one."
        )
    if status == 429:
        return f"{asked}: Kaggle has had too many requests from here ({said}). Wait some minutes."
    if re.search(r"does not match expected size|IncompleteRead|Connection broken|ended prematurely", output):
        return f"{asked}: it broke off on its way ({said}). Nothing was kept. Repeat it."
    if "RefusedRedirectError" in output:
        said = said.partition(": ")[2]
        return f"{asked}: {said}. Nothing was kept. A proxy may be in the way; try another network."
    if _NO_NETWORK.search(output):
        return (
            f"{asked}: Kaggle can't be reached ({said}). Check the network, and HTTPS_PROXY if you are behind a proxy. "
            f"Without a network: download {page} elsewhere and use the zip."
        )
    return f"{asked}. The Kaggle client said: {said}\nIf it doesn't pass, look at {page}."
