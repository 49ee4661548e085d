"""Checks before a run: archives that parameters name, and files that the run would delete."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from wbc.common.errors import UserError
from wbc.common.files import sha256
from wbc.fetch.file_names import litter, printable
from wbc.fetch.manifest import MANIFEST, Manifest


def check_archive(key: str, archive: Any, results: Iterable[Path | str] = ()) -> None:
    """Check that an archive exists and does not lie where results are written.

    Args:
        key: the parameter that names it, for messages: "fetch.archive".
        archive: the parameter's value, of any type.
        results: folders that stages write to.

    Raises:
        UserError: the value is not the path of a file or folder, or the archive is inside or above one of `results`.
    """
    if not (isinstance(archive, str) and archive and Path(archive).exists()):
        home = " A `~` isn't read as your home folder: write it out." if str(archive).startswith("~") else ""
        is_number = isinstance(archive, int | float) and not isinstance(archive, bool)
        quotes = f" If that is its name, write '{archive}', in quotes." if is_number else ""
        raise UserError(
            f"`{key}` in params.yaml is {archive!r}, and there is no such zip or folder.{home}{quotes}"
            f"{copy_advice(str(archive))} No images and no results were changed. Name one that is there. If the images "
            "were prepared on another machine, `dvc pull` and then `dvc repro --allow-missing` use them without it."
        )
    if found := _results_at(Path(archive), results):
        raise UserError(
            f"`{key}` in params.yaml is {archive!r}, but stages write to {found}. No images and no results were "
            "changed. Move your images to a folder of their own, such as data/archive, and name that."
        )


def check_only_delivered(images: Path, folder: Path) -> None:
    """Check that `images` holds only files that `fetch` wrote, because the next run replaces the folder.

    Args:
        images: folder of class folders; it need not exist.
        folder: holds the manifest of the written files; without one, every file is foreign.

    Raises:
        UserError: a file is not in the manifest, or was changed.
    """
    delivered: dict[str, str] = {}
    if (folder / MANIFEST).is_file():
        table = Manifest.load(folder).table
        delivered = dict(zip(table["path"], table["sha256"], strict=True))
    foreign = [
        path for path in sorted(_files(images)) if not (path in delivered and sha256(images / path) == delivered[path])
    ]
    if foreign:
        raise UserError(
            f"{images}/ holds {len(foreign):,} files that no run put there, or that were changed, such as "
            f"{printable(foreign[0])}. The next run would delete them. Move them to a folder of their own, such as "
            "data/archive, and name that by `fetch.archive` in params.yaml; or delete them."
        )


def copy_advice(path: str) -> str:
    """Return advice on a relative path if DVC runs an experiment in a copy of the project, else "".

    `dvc exp run --queue` and `--temp` copy only files that Git or DVC tracks to a folder in .dvc/tmp/exps/.

    Args:
        path: path in params.yaml; an absolute one is valid in the copy too.
    """
    here = Path.cwd().parts
    is_copy = any(here[start : start + 3] == (".dvc", "tmp", "exps") for start in range(len(here)))
    if not is_copy or Path(path).is_absolute():
        return ""
    return (
        " `--queue` and `--temp` run in a copy of the project that holds what Git and DVC know: name the images by an "
        "absolute path, or put their zip under DVC's care by `dvc add` first."
    )


def _results_at(archive: Path, results: Iterable[Path | str]) -> Path | str | None:
    """Return the folder of results that contains an archive or is contained in it, or None."""
    archive = archive.resolve()
    for folder in results:
        resolved = Path(folder).resolve()
        if archive.is_relative_to(resolved) or resolved.is_relative_to(archive):
            return folder
    return None


def _files(folder: Path) -> Iterator[str]:
    """Yield the relative paths of the files and links below a folder, without litter of systems and programs."""
    for root, directories, names in os.walk(folder):
        links = [name for name in directories if Path(root, name).is_symlink()]
        for name in names + links:
            path = Path(root, name).relative_to(folder).as_posix()
            if not litter(path):
                yield path
