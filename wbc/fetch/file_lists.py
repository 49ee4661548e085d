"""CSV files in which a user gives images a group, a part or a label."""

import fnmatch
import warnings
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pandas as pd

from wbc.common.errors import UserError

FILE = "file"  # the column that names files: <class>/<file>, the file's name alone, or a glob of either
# Kinds of groups of images, the widest first.
GROUP_KINDS = ("laboratory", "site", "patient", "donor", "slide", "smear", "cell", "photograph")
# Words of other programs for a missing value. Used as a name, one would put all such images into one group.
MISSING = {"na", "n/a", "#n/a", "nan", "none", "null", "<na>", "-nan", "nil"}
SEPARATORS = {";": "semicolons", "\t": "tabs"}  # used by spreadsheet programs in some countries
LISTED = 10  # files or groups that a message names


def read_list(file: Path) -> pd.DataFrame:
    """Return a user's CSV as text, with blanks around names and values removed.

    Raises:
        UserError: the file doesn't exist, isn't a CSV in UTF-8, is separated by other characters than commas, or is
            empty; or a row names no file, or has a word for a missing value.
    """
    try:
        with warnings.catch_warnings():
            # If every row has one more comma than the header, pandas would use the first column as row names.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8-sig", index_col=False)
    except pd.errors.ParserWarning:
        raise UserError(f"{file} has rows with more columns than its first row names.") from None
    except FileNotFoundError:
        raise UserError(f"{file} doesn't exist.") from None
    except UnicodeDecodeError:
        raise UserError(f'{file} isn\'t UTF-8. A spreadsheet program calls what is needed "CSV UTF-8".') from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise UserError(f"{file} can't be read as a CSV: {str(error).strip()}.") from None
    for separator, name in SEPARATORS.items():
        if len(table.columns) == 1 and separator in table.columns[0]:
            raise UserError(f"{file} has {name} between its columns. Save it with commas.")
    table.columns = [str(column).strip() for column in table.columns]
    table = table.fillna("").apply(lambda column: column.str.strip())  # a row may be shorter than the first one
    if table.empty:
        raise UserError(f"{file} lists nothing.")
    if FILE in table and len(blank := table.index[table[FILE] == ""]):
        raise UserError(f"{file} names no file in {len(blank):,} rows, such as row {blank[0] + 2}.")
    for column in table.columns.difference([FILE, "label"]):
        if len(missing := table.loc[table[column].str.lower().isin(MISSING), column]):
            raise UserError(
                f"{file} has {missing.iloc[0]!r} in the column `{column}`, row {missing.index[0] + 2}. Leave the cell "
                "empty where the value isn't known; give it another name where this is one."
            )
    return table


def assign(file: Path, table: pd.DataFrame, kinds: list[str], paths: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    """Return the values that a CSV gives to each image, and the names in it that fit no image.

    Args:
        file: the CSV, for messages.
        table: result of `read_list`.
        kinds: its columns with values.
        paths: the images as <class>/<name>.

    Returns:
        (data frame with a row per image and a column per kind, "" without a value; names that fit no image)

    Raises:
        UserError: a name fits two images, or an image gets two values of one kind.
    """
    ends: defaultdict[str, list[int]] = defaultdict(list)  # the end of a path, from any folder on: its images
    for image, path in enumerate(paths):
        parts = path.split("/")
        for start in range(len(parts)):
            ends["/".join(parts[start:])].append(image)
    whole = {path: image for image, path in enumerate(paths)}
    named: dict[str, list[set[str]]] = {kind: [set() for _ in paths] for kind in kinds}
    without = []
    for row in table.to_dict("records"):
        # Names are tried before patterns, since a name may hold [ or *. Windows writes \\ between folders.
        for name in (row[FILE], row[FILE].replace("\\", "/").removeprefix("./")):
            images = [whole[name]] if name in whole else ends.get(name, [])
            if len(images) > 1:
                alike = some([paths[image] for image in images])
                raise UserError(f"{file} names {name}, which is the name of {alike}. Write <class>/<name>.")
            if images := images or (_matching(name, paths) if set(name) & set("*?[") else []):
                break
        else:
            without.append(row[FILE])
        for image in images:
            for kind in kinds:
                if row[kind]:
                    named[kind][image].add(row[kind])
    for kind, sets in named.items():
        several = [
            f"{paths[image]} ({' and '.join(sorted(names))})" for image, names in enumerate(sets) if len(names) > 1
        ]
        if several:
            raise UserError(f"{file} says two things of one image, by `{kind}`: {some(several)}.")
    columns = {kind: ["".join(names) for names in sets] for kind, sets in named.items()}
    return pd.DataFrame(columns, columns=kinds), without


def _matching(pattern: str, paths: Sequence[str]) -> list[int]:
    return [
        image
        for image, path in enumerate(paths)
        if fnmatch.fnmatchcase(path, pattern) or fnmatch.fnmatchcase(PurePosixPath(path).name, pattern)
    ]


def some(names: Sequence[str]) -> str:
    """Return the first `LISTED` names and the number of the others, as text."""
    more = f" and {len(names) - LISTED:,} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
