"""Corrections by the user: images that are left out or get another label."""

import difflib
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pandas as pd

from wbc.common.errors import UserError
from wbc.fetch.file_lists import FILE, assign, read_list, some
from wbc.fetch.manifest import quarantine_bad

EXCLUDED = "excluded by the user's list"
EXCLUDES, LABEL = "excluded", "label"  # columns of the lists in addition to `file`


class Corrected(NamedTuple):
    """Images that were moved."""

    excluded: list[tuple[str, str]]  # (path, reason), as for unusable images
    relabelled: dict[str, str]  # old path: new path, both <class>/<name>


class Corrections(NamedTuple):
    """The user's lists; tables without rows if there is no list."""

    excluded: pd.DataFrame  # columns `file` and `excluded`
    relabelled: pd.DataFrame  # columns `file` and `label`
    exclude: Path  # the lists' paths, for messages
    relabel: Path


def read(folder: Path, exclude: str | None, relabel: str | None) -> Corrections:
    """Read a user's lists.

    Args:
        folder: where the lists are.
        exclude: a CSV with the column `file`, or None.
        relabel: a CSV with the columns `file` and `label`, or None.

    Raises:
        UserError: a CSV can't be read or lacks a column or a label.
    """
    excluded = _list(folder, exclude, [FILE])
    excluded[EXCLUDES] = "yes"  # one value, so that several patterns may fit an image
    relabelled = _list(folder, relabel, [FILE, LABEL])
    if unsaid := relabelled.loc[relabelled[LABEL] == "", FILE].tolist():
        raise UserError(f"{folder / str(relabel)} gives no label to {some(unsaid)}.")
    return Corrections(excluded, relabelled, folder / str(exclude), folder / str(relabel))


def correct(raw: Path, quarantine: Path, corrections: Corrections) -> Corrected:
    """Move excluded images from `raw`/<class>/ to `quarantine`/<class>/, and relabeled ones to their class's folder.

    Args:
        raw: folder of class folders, as delivered.
        quarantine: folder that doesn't exist yet; it is created.
        corrections: result of `read`.

    Raises:
        UserError: a list names a missing file or class or contradicts itself, both lists name an image, or the other
            class already has a file of that name.
    """
    exclude, relabel = corrections.exclude, corrections.relabel
    paths = sorted(path.relative_to(raw).as_posix() for path in raw.glob("*/*"))
    out = [path for path, _ in _said(exclude, corrections.excluded, EXCLUDES, paths)]
    labels = _said(relabel, corrections.relabelled, LABEL, paths)
    moved = {path: f"{label}/{PurePosixPath(path).name}" for path, label in labels}
    classes = sorted({path.split("/")[0] for path in paths})
    for old, new in moved.items():
        label = new.split("/")[0]
        if label not in classes:
            near = difflib.get_close_matches(label, classes, n=1)
            meant = f" Did you mean {near[0]}?" if near else ""
            raise UserError(
                f"{relabel} gives {old} the label {label!r}, and the classes are {', '.join(classes)}.{meant}"
            )
        if old in out:
            raise UserError(f"{old} is named by both {exclude} and {relabel}.")
        if new != old and (raw / new).exists():
            raise UserError(f"{relabel} moves {old} to {label}, which has another file of that name. Rename one.")
    for old, new in moved.items():
        (raw / old).rename(raw / new)
    excluded = [(path, EXCLUDED) for path in out]
    quarantine_bad(excluded, raw, quarantine)
    return Corrected(excluded, {old: new for old, new in moved.items() if old != new})


def _list(folder: Path, name: str | None, columns: list[str]) -> pd.DataFrame:
    """Return the content of a CSV that must have exactly `columns`; without a CSV, a table without rows."""
    if name is None:
        return pd.DataFrame(columns=columns, dtype=str)
    table = read_list(folder / name)
    if list(table.columns) != columns:
        wanted = " and ".join(f"`{column}`" for column in columns)
        raise UserError(
            f"{folder / name} should have the columns {wanted} and no other, but has {', '.join(table.columns)}."
        )
    return table


def _said(file: Path, table: pd.DataFrame, column: str, paths: list[str]) -> list[tuple[str, str]]:
    """Return (path, value) of the images that a list names."""
    assigned, without = assign(file, table, [column], paths)
    if without:
        raise UserError(f"{file} names what is not among the {len(paths):,} images: {some(without)}.")
    return [(path, said) for path, said in zip(paths, assigned[column], strict=True) if said]
