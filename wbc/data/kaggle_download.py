"""Downloading a public Kaggle data set as one zip, without an account, and keeping it."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

from wbc.core import files
from wbc.core.errors import UserError

_ACCOUNT = (
    "make a token at https://www.kaggle.com/settings/api, put it in the environment variable KAGGLE_API_TOKEN or in "
    "the file ~/.kaggle/access_token"
)
_NO_NETWORK = re.compile(
    r"Max retries exceeded|Connection refused|Connection aborted|Failed to resolve|Network is unreachable|timed out"
)


def download(dataset, version, cache, sha256=None):
    """Return the zip of one version of a Kaggle data set, downloaded unless the cache holds it whole.

    The Kaggle client checks the length only, so the SHA-256 is computed here, kept beside the zip, and compared.

    >>> download("brikwerk/bccd-white-blood-cell", 1, Path(".cache/kaggle"))      # doctest: +SKIP
    (PosixPath('.cache/kaggle/brikwerk--bccd-white-blood-cell--1/archive.zip'), '5cf1...')

    Args:
        dataset: "OWNER/NAME".
        version: 1, 2, ...
        cache: folder in which downloads are kept.
        sha256: what the zip must have, as 64 hexadecimal digits; None: anything.

    Returns:
        (path, sha256) of the zip.

    Raises:
        UserError: Kaggle has no such data set or version, wants an account, can't be reached, broke off, or sent
            something else than was asked for. Nothing is kept then.
    """
    kept = Path(cache) / f"{dataset.replace('/', '--')}--{version}"
    archive, recorded = kept / "archive.zip", kept / "sha256.txt"
    if archive.is_file() and recorded.is_file():
        found = files.sha256(archive)
        if found == recorded.read_text().strip() and sha256 in (None, found):
            print(f"Kaggle data set {dataset}, version {version}: {archive} is whole; no download is needed.")
            return archive, found
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
                f"https://www.kaggle.com/datasets/{dataset} in a browser, then type `dvc repro` again."
            )
        found = files.sha256(zips[0])
        if sha256 not in (None, found):
            raise UserError(
                f"Kaggle data set {dataset}, version {version}, is not the file that params.yaml asks for; nothing was "
                f"kept.\n  asked (`fetch.kaggle.sha256`): {sha256}\n  found:                         {found}\n"
                f"If a part may be damaged, type `dvc repro` again. If you trust what Kaggle serves now, set "
                f"`fetch.kaggle.sha256` to what was found."
            )
        zips[0].rename(partial / archive.name)
        (partial / recorded.name).write_text(f"{found}\n")
    return archive, found


def _run_client(dataset, version, folder):
    """Let the Kaggle client put its zip into `folder`.

    It runs as a command: as a library it wants an account even for public data, and its import already logs in.
    """
    name = f"{dataset}/{version}"
    # "datasets download" must come first: the client lets a command without an account pass by these words.
    command = [sys.executable, "-m", "kaggle", "datasets", "download", name, "-p", ".", "--quiet"]
    # It runs inside the folder: from the project's top, a package called `kaggle` there would be imported instead.
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
    if result.returncode != 0 or not any(folder.glob("*.zip")):
        raise UserError(_explain(dataset, version, result.stderr))


def _explain(dataset, version, output):
    """Turn what the client printed as errors into what was asked, what was found, and what to type next.

    Its other output says nothing: the help on accounts is printed there whenever there is no account, needed or not. It
    is the only output, though, where Kaggle wants an account (status 401).
    """
    asked = f"Kaggle data set {dataset}, version {version}, could not be downloaded"
    page = f"https://www.kaggle.com/datasets/{dataset}"
    status = re.search(r"\b([45]\d\d) (?:Client|Server) Error", output)
    status = int(status[1]) if status else None
    said = output.strip().splitlines()[-1].strip() if output.strip() else "it wants an account"
    if "No space left on device" in output:
        return f"{asked}: the disk is full. Nothing was kept. Free some space, then type `dvc repro`."
    if status == 404 or re.search(r"not found", output, re.IGNORECASE):
        return (
            f"{asked}: Kaggle says that it doesn't exist ({said}). Check `fetch.kaggle.dataset` and "
            f"`fetch.kaggle.version` in params.yaml against {page}, then type `dvc repro`."
        )
    wants_account = not output.strip() or re.search(r"was denied|forbidden|consent|authenticat", output, re.IGNORECASE)
    if status in (401, 403) or wants_account:
        return (
            f"{asked}: Kaggle refuses it ({said}). Kaggle says so of a misspelt name too: look at {page}. If it is "
            f"there but is private or asks you to agree to something, agree in the browser, {_ACCOUNT}, then type "
            f"`dvc repro`. If you have a token, it may have expired: make a new one."
        )
    if status == 429:
        return (
            f"{asked}: Kaggle has had too many requests from here ({said}). Wait some minutes, then type `dvc repro`."
        )
    if re.search(r"does not match expected size|IncompleteRead|Connection broken|ended prematurely", output):
        return f"{asked}: it broke off on its way ({said}). Nothing was kept. Type `dvc repro` to repeat it."
    if _NO_NETWORK.search(output):
        return (
            f"{asked}: Kaggle can't be reached ({said}). Check the network, and HTTPS_PROXY if you are behind a proxy, "
            f"then type `dvc repro`. Without a network: download {page} elsewhere, set `fetch.source: archive` and "
            f"`fetch.archive` to the zip; or set `fetch.source: synthetic`."
        )
    return f"{asked}. The Kaggle client said: {said}\nIf it passes, type `dvc repro` again; else look at {page}."
