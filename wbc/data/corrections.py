"""Images that a user leaves out, or gives another label: what the report calls suspect, once somebody has looked."""

import difflib
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from wbc.core.errors import UserError
from wbc.core.file_lists import FILE, assign, read_list, some
from wbc.data.manifest import quarantine_bad

EXCLUDED = "excluded by the user's list"


class Corrections(NamedTuple):
    """What was done to the images."""

    excluded: list[tuple[str, str]]  # (path, reason), as for unusable images
    relabelled: dict[str, str]  # old path: new path, both <class>/<name>


def correct(raw: Path, quarantine: Path, exclude: str | None, relabel: str | None) -> Corrections:
    """Move images that are left out from `raw`/<class>/ to `quarantine`/<class>/, and others to another class's folder.

    Args:
        raw: folder of class folders, as delivered.
        quarantine: folder that doesn't exist yet; it is made.
        exclude: a CSV with the column `file`, or None.
        relabel: a CSV with the columns `file` and `label`, or None.

    Raises:
        UserError: a CSV can't be read or lacks a column or a label, names a file or a class that isn't there, or two
            things of one image; or a file of that name is in the other class already.
    """
    paths = sorted(path.relative_to(raw).as_posix() for path in raw.glob("*/*"))
    out = [path for path, _ in _said(exclude, None, paths)]
    moved = {path: f"{label}/{PurePosixPath(path).name}" for path, label in _said(relabel, "label", paths)}
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
    return Corrections(excluded, {old: new for old, new in moved.items() if old != new})


def _said(source: str | None, column: str | None, paths: list[str]) -> list[tuple[str, str]]:
    """Return (path, what `column` says) of the images that a CSV names; without a column, that they are excluded."""
    if source is None:
        return []
    table = read_list(Path(source))
    columns = [FILE] if column is None else [FILE, column]
    if list(table.columns) != columns:
        wanted = " and ".join(f"`{column}`" for column in columns)
        raise UserError(f"{source} should have the columns {wanted} and no other, but has {', '.join(table.columns)}.")
    if column is None:
        column = "excluded"
        table[column] = "yes"  # however many of the patterns in the list fit an image
    if unsaid := table.loc[table[column] == "", FILE].tolist():
        raise UserError(f"{source} gives no {column} to {some(unsaid)}.")
    assigned, without = assign(Path(source), table, [column], paths)
    if without:
        raise UserError(f"{source} names what is not among the {len(paths):,} images: {some(without)}.")
    return [(path, said) for path, said in zip(paths, assigned[column], strict=True) if said]
