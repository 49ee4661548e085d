"""Stage `sources`: check that the images which params.yaml names are there, before DVC looks for them.

    python -m stages.sources

DVC looks for `fetch.archive` before it runs `fetch`, whatever the source is, and for the archives of `external` after
everything else has run; what it says of one that is missing names no parameter. So this stage runs first, whenever one
of them was changed. Reads sections `fetch` and `external` of params.yaml. Writes data/sources.json: the source.
"""

from pathlib import Path
from typing import Any

import pydantic

from wbc.core import params
from wbc.core.errors import UserError, exit_on_user_error
from wbc.core.files import write_json
from wbc.core.workspaces import copy_advice

SOURCES = Path("data/sources.json")
# Where stages write: images that lie there would be replaced, so DVC refuses to read them ("both a dependency and an
# output"). What `fetch` has kept in data/found/ may be read.
RESULTS = ("data/raw", "data/quarantine", "data/features", "data/baselines", "models", "reports")


class FetchSource(pydantic.BaseModel):
    """What section `fetch` names; `fetch` itself checks the rest."""

    source: Any
    archive: Any


@exit_on_user_error
def main() -> None:
    """Check that every archive is there, and write which source `fetch` has."""
    write_json(SOURCES, {"source": check()})


def check() -> Any:
    """Return `fetch.source`.

    Raises:
        UserError: an archive that params.yaml names is not there, or is where results are written.
    """
    fetch = params.load("params.yaml", "fetch", FetchSource)
    sites = params.load("params.yaml", "external", pydantic.RootModel[dict[str, Any]]).root
    if not is_there(fetch.archive):
        raise UserError(missing("fetch.archive", fetch.archive) + advice(fetch.source))
    if found := results_at(Path(fetch.archive)):
        raise UserError(
            f"`fetch.archive` in params.yaml is {fetch.archive!r}, but stages write to {found}. No images or results "
            "were changed. Move your images to a folder of their own, such as data/archive, and name "
            "that."
        )
    for name, site in sites.items():
        if isinstance(site, dict) and not is_there(site.get("archive")):
            raise UserError(
                missing(f"external.{name}.archive", site.get("archive"))
                + "Name one that is there, or take the data set out of `external`."
            )
    return fetch.source


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


def advice(source: Any) -> str:
    """Return what to do where `fetch.archive` isn't there."""
    if source == "archive":
        return (
            "Name one that is there. If the images were prepared on another machine, `dvc pull` and then `dvc repro "
            "--allow-missing` use them without the archive."
        )
    return f"`fetch.source: {source}` doesn't use it, but DVC looks for it all the same: set `archive: data/archive`."


if __name__ == "__main__":
    main()
