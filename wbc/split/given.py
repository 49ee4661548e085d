"""Groups and parts that the user gives, read from a CSV or from the names of the files."""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import DisjointSet

from wbc.common.errors import UserError
from wbc.fetch.file_lists import FILE, LISTED, assign, read_list, some
from wbc.split.schemes import PARTS

# Kinds of groups, the widest first: a score holds at the widest given level.
LEVELS = ("laboratory", "site", "patient", "donor", "slide", "smear", "cell", "photograph")


class GivenGroups(NamedTuple):
    """Groups of each image by kind, as the user gives them."""

    table: pd.DataFrame  # a row per image, a column per kind (patient, slide, cell, ...); "" without a group
    without_files: list[str]  # names in the CSV that fit no image

    @property
    def is_given(self) -> np.ndarray:
        """A bool array that marks the images in a group of any kind."""
        return (self.table != "").any(axis=1).to_numpy()

    @property
    def numbers(self) -> np.ndarray:
        """The group number of each image by the given groups alone; an image without a group forms its own group."""
        return united(np.arange(len(self.table)), self.table)


def read_groups(source: str, paths: Sequence[str]) -> GivenGroups:
    r"""Read the groups that a CSV or a pattern gives to images.

    >>> read_groups(r"(?P<patient>P\d+)_.*", ["basophil/P7_01.jpg"]).table.to_dict("list")
    {'patient': ['P7']}

    Args:
        source: path of a CSV with the column `file` and one per kind of group; or a regular expression with a named
            group per kind, which must match a file's whole name, or its whole path <class>/<name>.
        paths: the images as <class>/<name>.

    Raises:
        UserError: the source can't be read, names no kind of group, fits no image, or gives an image two groups of one
            kind.
    """
    if source.lower().endswith(".csv"):
        return _groups_of_csv(Path(source), paths)
    try:
        pattern = re.compile(source)
    except re.error as error:
        raise UserError(
            f"{source!r} is neither a .csv file nor a regular expression over file names: {error}."
        ) from None
    if not pattern.groupindex:
        raise UserError(f"The pattern {source!r} names no group. Name one as in (?P<patient>P\\d+)_.*")
    rows = []
    for path in paths:
        match = pattern.fullmatch(PurePosixPath(path).name) or pattern.fullmatch(path)
        rows.append({kind: (match[kind] or "") if match else "" for kind in pattern.groupindex})
    table = pd.DataFrame(rows, columns=list(pattern.groupindex))
    if not (table != "").to_numpy().any():
        raise UserError(f"The pattern {source!r} fits none of the {len(paths):,} file names, such as {paths[0]}.")
    return GivenGroups(table, [])


def read_parts(file: Path, paths: Sequence[str]) -> np.ndarray:
    """Read the part of each image, "train", "valid" or "test", from a CSV with the columns `file` and `part`.

    Raises:
        UserError: the CSV can't be read, an image has no part or two, or the train or test part is empty.
    """
    table = read_list(file)
    if list(table.columns) != [FILE, "part"]:
        raise UserError(f"{file} should have the columns `file` and `part`, but has {', '.join(table.columns)}.")
    if unknown := sorted(set(table["part"]) - set(PARTS)):
        raise UserError(f"{file} names the part {unknown[0]!r}. A part is one of {', '.join(PARTS)}.")
    columns, _ = assign(file, table, ["part"], paths)
    return _complete(columns["part"].to_numpy(dtype=object), paths, file)


def find_groups(manifest: pd.DataFrame, source: str | None, folder: Path) -> GivenGroups | None:
    """Return the groups that the data set names and the groups that the user gives; None without any.

    Args:
        manifest: table of the images; its columns given_<kind> are the data set's groups.
        source: a CSV in `folder`, or a pattern, see `read_groups`; it overrides the data set's groups of one kind.
        folder: data/given/.
    """
    said = manifest.filter(regex="^given_").rename(columns=lambda name: name.removeprefix("given_"))
    if source is None:
        return GivenGroups(said, []) if said.size else None
    given = read_groups(where_given(source, folder), manifest["path"].tolist())
    return GivenGroups(said.assign(**given.table), given.without_files)


def find_parts(manifest: pd.DataFrame, source: str, folder: Path) -> np.ndarray:
    """Return the part of each image, from a CSV in `folder` or, if `source` is "manifest", from the data set.

    Raises:
        UserError: there are no parts, an image has no part or two, or the train or test part is empty.
    """
    if source != "manifest":
        return read_parts(Path(where_given(source, folder)), manifest["path"].tolist())
    if "part" not in manifest:
        raise UserError("The manifest has no column `part`: the data set names no parts. Write `split.parts: null`.")
    return _complete(manifest["part"].to_numpy(dtype=object), manifest["path"].tolist(), "The manifest")


def _complete(parts: np.ndarray, paths: Sequence[str], source: Path | str) -> np.ndarray:
    """Refuse parts if an image has none, or if the train or test part is empty."""
    if lacking := [path for path, part in zip(paths, parts, strict=True) if not part]:
        raise UserError(f"{source} gives no part to {len(lacking):,} of {len(paths):,} images: {some(lacking)}.")
    for part in ("train", "test"):
        if part not in parts:
            raise UserError(f"{source} gives no image to the part {part}.")
    return parts.astype(str)


def united(searched: np.ndarray, table: pd.DataFrame) -> np.ndarray:
    """Return the group number of each image, after uniting images that share any group, found or given.

    Args:
        searched: group number of each image in the search.
        table: table of `GivenGroups`.

    Returns:
        int array, numbered in the order of appearance.
    """
    sets = DisjointSet(range(len(searched)))
    for column in (searched.tolist(), *(table[kind].tolist() for kind in table)):
        first: dict[object, int] = {}
        for image, name in enumerate(column):
            if name != "":
                sets.merge(first.setdefault(name, image), image)
    numbers: dict[int, int] = {}
    return np.array([numbers.setdefault(sets[image], len(numbers)) for image in range(len(searched))], dtype=int)


def level_of(kinds: Sequence[str]) -> str:
    """Return the widest kind of group, at which a score holds; "photograph" if none is given.

    A kind that is not in `LEVELS` counts as wider than all of them, since the user had a reason to give it.
    """
    ranks = {name: rank for rank, name in enumerate(LEVELS)}
    return min(kinds, key=lambda kind: ranks.get(kind.lower(), -1), default="photograph")


def statements(given: GivenGroups, paths: Sequence[str], labels: Sequence[str]) -> dict:
    """Return the audit's facts about given groups, as nested dicts for JSON.

    Returns:
        {"level", "kinds": {kind: {"groups", "images": with such a group, "without": [path], "two_labels": [{"group",
        "labels": {label: images}}], of cells only: a patient has cells of every class}}, "without_files": [name]}
    """
    kinds = {}
    for kind in given.table:
        names = given.table[kind]
        rows = pd.DataFrame({"group": names, "label": list(labels), "path": list(paths)})
        known = rows[rows["group"] != ""]
        mixed = [
            {"group": name, "labels": {label: int(count) for label, count in members["label"].value_counts().items()}}
            for name, members in known.groupby("group", sort=True)
            if kind.lower() == "cell" and members["label"].nunique() > 1
        ]
        kinds[kind] = {
            "groups": int(known["group"].nunique()),
            "images": len(known),
            "without": rows.loc[rows["group"] == "", "path"].tolist()[:LISTED],
            "two_labels": mixed[:LISTED],
        }
    return {"level": level_of(list(kinds)), "kinds": kinds, "without_files": given.without_files[:LISTED]}


def _groups_of_csv(file: Path, paths: Sequence[str]) -> GivenGroups:
    table = read_list(file)
    kinds = [column for column in table.columns if column != FILE]
    if FILE not in table.columns or not kinds:
        raise UserError(
            f"{file} should have the column `file` and at least one of `cell`, `patient`, `slide` or a name of your "
            "own, "
            f"but has {', '.join(table.columns) or 'none'}."
        )
    assigned, without_files = assign(file, table, kinds, paths)
    if not (assigned != "").to_numpy().any():
        raise UserError(f"{file} fits none of the {len(paths):,} images, such as {paths[0]}.")
    return GivenGroups(assigned, without_files)


def where_given(source: str, folder: Path) -> str:
    """Return the path of a CSV, which is searched in `folder` first; return a pattern unchanged."""
    if not source.lower().endswith(".csv"):
        return source
    if (folder / source).is_file() or not Path(source).is_file():
        return str(folder / source)
    if not Path(source).resolve().is_relative_to(folder.resolve()):
        raise UserError(f"{source} is not in {folder}/, so DVC wouldn't notice when it changes. Copy it there.")
    return source
