"""Stage `sources`: look for the images that params.yaml names before anything else does, and lead `fetch` to them.

    python -m stages.sources

DVC knows no dependency that another parameter decides about. So `fetch` depends on data/source, which this stage makes:
a link to `fetch.archive` where `fetch.source` is `archive`, and else an empty file, so that an archive which isn't used
need not exist. The archives of `external` are looked for too: what DVC says of one that is missing names no parameter,
and comes after everything else has run. Reads sections `fetch` and `external` of params.yaml. Writes data/sources.json,
the source, and data/source.
"""

import os
from pathlib import Path
from typing import Any

import pydantic

from wbc.common import params
from wbc.common.errors import UserError, exit_on_user_error
from wbc.common.files import replacing, write_json
from wbc.fetch.workspaces import copy_advice

SOURCES, SOURCE = Path("data/sources.json"), Path("data/source")
# Where stages write: images that lie there would be replaced. What `fetch` has kept in data/found/ may be read.
RESULTS = ("data/images", "data/quarantine", "data/features", "data/baselines", "models", "reports")
ARCHIVE = "archive"  # the word of `fetch.source`


class FetchSource(pydantic.BaseModel):
    """What section `fetch` names; `fetch` itself checks the rest."""

    source: Any
    archive: Any


@exit_on_user_error
def main() -> None:
    """Check that every archive is there, and lead to that of `fetch`."""
    fetch = check()
    write_json(SOURCES, {"source": fetch.source})
    lead_to(Path(fetch.archive) if fetch.source == ARCHIVE else None)


def check() -> FetchSource:
    """Return what section `fetch` names.

    Raises:
        UserError: an archive that is used is not there, or is where results are written.
    """
    fetch = params.load("params.yaml", "fetch", FetchSource)
    sites = params.load("params.yaml", "external", pydantic.RootModel[dict[str, Any]]).root
    if fetch.source == ARCHIVE:
        check_own(fetch.archive)
    for name, site in sites.items():
        if isinstance(site, dict) and not is_there(site.get("archive")):
            raise UserError(
                missing(f"external.{name}.archive", site.get("archive"))
                + "Name one that is there, or take the data set out of `external`."
            )
    return fetch


def check_own(archive: Any) -> None:
    """Look for the archive that `fetch` uses.

    Raises:
        UserError: it is not there, or is where results are written.
    """
    if not is_there(archive):
        raise UserError(
            missing("fetch.archive", archive)
            + "Name one that is there. If the images were prepared on another machine, `dvc pull` and then `dvc repro "
            "--allow-missing` use them without the archive."
        )
    if found := results_at(Path(archive)):
        raise UserError(
            f"`fetch.archive` in params.yaml is {archive!r}, but stages write to {found}. No images or results were "
            "changed. Move your images to a folder of their own, such as data/archive, and name that."
        )


def lead_to(archive: Path | None) -> None:
    """Make data/source a link to an archive, or an empty file; a link stays right when the project is moved."""
    with replacing(SOURCE) as partial:
        if archive is None:
            partial.touch()
        else:
            partial.symlink_to(archive if archive.is_absolute() else os.path.relpath(archive, SOURCE.parent))


def is_there(archive: Any) -> bool:
    """Return whether a value of params.yaml is the path of a file or folder that exists."""
    return isinstance(archive, str) and bool(archive) and Path(archive).exists()


def results_at(archive: Path) -> str | None:
    """Return the folder of results that an archive lies in, or that lies in it; or None."""
    archive = archive.resolve()
    for folder in RESULTS:
        results = Path(folder).resolve()
        if archive.is_relative_to(results) or results.is_relative_to(archive):
            return folder
    return None


def missing(key: str, archive: Any) -> str:
    """Return what is wrong with an archive that isn't there."""
    home = " A `~` isn't read as your home folder: write it out." if str(archive).startswith("~") else ""
    quotes = f" If that is its name, write '{archive}', in quotes." if isinstance(archive, int | float) else ""
    copied = copy_advice(str(archive))
    return (
        f"`{key}` in params.yaml is {archive!r}, and there is no such zip or folder.{home}{quotes}{copied} No images "
        "and no results were changed. "
    )


if __name__ == "__main__":
    main()
