"""CSV files in which a user says something of images: which group, part or label they have."""

import fnmatch
import warnings
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pandas as pd

from wbc.common.errors import UserError

FILE = "file"  # the column that names files: <class>/<file>, the file's name alone, or a glob of either
SEPARATORS = {";": "semicolons", "\t": "tabs"}  # that spreadsheet programs write, by country
LISTED = 10  # files or groups that a message names


def read_list(file: Path) -> pd.DataFrame:
    """Return a user's CSV as text, with blanks around names and values removed.

    Raises:
        UserError: it doesn't exist, isn't a CSV in UTF-8, or has something else than commas between its columns.
    """
    try:
        with warnings.catch_warnings():
            # Where every row has a comma more than the header, pandas would take the first column for the rows' names.
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
    return table.apply(lambda column: column.str.strip())


def assign(file: Path, table: pd.DataFrame, kinds: list[str], paths: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    """Return what a CSV says of each image, and the names in it that fit none.

    Args:
        file: the CSV, for messages.
        table: what `read_list` returned.
        kinds: its columns that say something.
        paths: the images as <class>/<name>.

    Returns:
        (a row per image, a column per kind, "" where nothing is said; names)

    Raises:
        UserError: a name fits two images, or two things of one kind are said of an image.
    """
    by_path = {path: [image] for image, path in enumerate(paths)}
    by_name = defaultdict(list)
    for image, path in enumerate(paths):
        by_name[PurePosixPath(path).name].append(image)
    named: dict[str, list[set[str]]] = {kind: [set() for _ in paths] for kind in kinds}
    without = []
    for row in table.to_dict("records"):
        # A name first: letters such as [ in it would be a pattern's.
        images = by_path.get(row[FILE]) or by_name.get(row[FILE])
        if images is None:
            images = _matching(row[FILE], paths)
        elif len(images) > 1:
            alike = some([paths[image] for image in images])
            raise UserError(f"{file} names {row[FILE]}, which is the name of {alike}. Write <class>/<name>.")
        if not images:
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
    """Return the first `LISTED` of some names in words."""
    more = f" and {len(names) - LISTED:,} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
