"""Manifest of the images, and the inspection of class folders that it is built from."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, Self

import pandas as pd

from wbc.common import images
from wbc.common.errors import UserError
from wbc.common.files import write_csv
from wbc.common.progress import prefetch, track
from wbc.common.tables import read_csv
from wbc.fetch.masks import why_mask

MANIFEST, TRUTH = "manifest.csv", "truth.csv"
PART, GIVEN = "part", "given_"  # a column, and the prefix of the columns of groups
EXAMPLES = 10  # paths named for each kind of conversion


class Row(NamedTuple):
    """One image of the manifest."""

    path: str  # <class>/<file>
    label: str
    sha256: str  # of the file as delivered
    width: int  # pixels, after EXIF rotation
    height: int


class Inventory(NamedTuple):
    """The inspected files of a folder of class folders."""

    rows: list[Row]  # the usable images, sorted by path
    converted: dict[str, dict]  # a note of `images.decode`: {"count": n, "examples": [paths]}
    bad: list[tuple[str, str]]  # (path, reason), sorted by path


class Manifest(NamedTuple):
    """Images of a data set, listed in data/manifest.csv.

    >>> Manifest.load(Path("data")).classes                                          # doctest: +SKIP
    ['basophil', 'eosinophil', 'lymphocyte', 'monocyte', 'neutrophil']
    """

    # A row per image, sorted by path: path (<class>/<file>), label, sha256, width and height (pixels). If the data set
    # gives them: part (train, valid or test) and given_<kind>, such as given_patient; "" for images without one.
    table: pd.DataFrame

    @classmethod
    def of(cls, rows: list[Row], columns: dict[str, dict[str, str]]) -> Self:
        """Return the manifest of images.

        Args:
            rows: rows of the images, sorted by path.
            columns: path: {"part": ..., and "patient", "slide" or other kinds of groups}, if they are known.
        """
        table = pd.DataFrame(rows, columns=Row._fields)
        kinds = sorted({kind for said in columns.values() for kind in said} - {PART})
        said = [columns.get(row.path, {}) for row in rows]
        if any(PART in of for of in said):
            table[PART] = [of.get(PART, "") for of in said]
        for kind in kinds:
            table[GIVEN + kind] = [of.get(kind, "") for of in said]
        return cls(table)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read manifest.csv in a folder."""
        return cls(read_csv(folder / MANIFEST))

    def save(self, folder: Path) -> None:
        """Write manifest.csv into a folder."""
        write_csv(folder / MANIFEST, self.table)

    @property
    def paths(self) -> list[str]:
        """The path of each image, <class>/<file>."""
        return self.table["path"].tolist()

    @property
    def classes(self) -> list[str]:
        """The class names, sorted."""
        return sorted(self.table["label"].unique())

    @property
    def parts(self) -> dict[str, int]:
        """The number of images in each part that the data set names; empty if it names none."""
        counts = Counter(self.table.get(PART, []))
        return {part: counts[part] for part in ("train", "valid", "test") if counts[part]}

    @property
    def groups(self) -> dict[str, int]:
        """The number of groups of each kind that the data set names."""
        kinds = [column for column in self.table if column.startswith(GIVEN)]
        return {kind.removeprefix(GIVEN): len(set(self.table[kind]) - {""}) for kind in kinds}


class Truth(NamedTuple):
    """Known cell of each image, listed in data/truth.csv; only for scoring the search."""

    table: pd.DataFrame  # columns path and cell, sorted by path; only images whose cell is known

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read truth.csv in a folder."""
        return cls(read_csv(folder / TRUTH))

    def save(self, folder: Path) -> None:
        """Write truth.csv into a folder."""
        write_csv(folder / TRUTH, self.table)


def build_manifest(folder: Path, allow_masks: bool = False) -> Inventory:
    """Decode every file in `folder`/<class>/ once; masks count as bad unless they are allowed.

    Memory holds one decoded image per thread, and about 100 MB for the results of 100,000 images.

    >>> build_manifest(Path("data/images")).rows[0].path                             # doctest: +SKIP
    'basophil/0000.jpg'
    """
    paths = sorted(path.relative_to(folder).as_posix() for path in Path(folder).glob("*/*"))
    rows, bad, noted = [], [], defaultdict(list)
    looked_at = prefetch(lambda path: _look_at(folder, path, allow_masks), paths)
    for path, (row, notes, reason) in zip(paths, track(looked_at, "decode", total=len(paths)), strict=True):
        if row is None or notes is None:
            bad.append((path, reason or ""))
            continue
        rows.append(row)
        for note in notes:
            noted[note].append(path)
    converted = {note: {"count": len(paths), "examples": paths[:EXAMPLES]} for note, paths in sorted(noted.items())}
    return Inventory(rows, converted, bad)


def _look_at(folder: Path, path: str, allow_masks: bool) -> tuple[Row, list[str], None] | tuple[None, None, str]:
    """Return (row, notes, None) of an image, or (None, None, reason) of a bad one."""
    file = Path(folder, path)
    content = file.read_bytes()  # read once, so that the decoded bytes are the hashed ones
    try:
        pixels, notes = images.decode(content, suffix=file.suffix)
    except images.BadImage as error:
        return None, None, str(error)
    if not allow_masks and (reason := why_mask(pixels)):
        return None, None, reason
    height, width = pixels.shape[:2]
    return Row(path, path.split("/")[0], hashlib.sha256(content).hexdigest(), width, height), notes, None


def count_classes(rows: list[Row]) -> dict[str, int]:
    """Return {label: number of images}, sorted by label."""
    return dict(sorted(Counter(row.label for row in rows).items()))


def quarantine_bad(bad: list[tuple[str, str]], folder: Path, quarantine: Path) -> None:
    """Move the bad files from `folder`/<class>/ to `quarantine`/<class>/; always create `quarantine`."""
    Path(quarantine).mkdir(exist_ok=True)
    for path, _ in bad:
        Path(quarantine, path).parent.mkdir(exist_ok=True)
        Path(folder, path).rename(Path(quarantine, path))


def refuse_bad(bad: list[tuple[str, str]], rows: list[Row]) -> None:
    """Raise a `UserError` that lists every bad file, if there is any."""
    if bad:
        raise UserError(
            f"Not usable as images are {len(bad):,} of {len(bad) + len(rows):,} files:\n{_list_bad(bad)}\n"
            "Nothing was changed. Repair or remove them where they come from."
        )


def refuse_vanished(labels: Iterable[str], rows: list[Row], bad: list[tuple[str, str]]) -> None:
    """Raise a `UserError` if one of the classes `labels` has no usable image left."""
    vanished = sorted(set(labels) - {row.label for row in rows})
    if vanished:
        raise UserError(
            f"No usable image is left of {', '.join(vanished)}:\n"
            f"{_list_bad([(path, reason) for path, reason in bad if path.split('/')[0] in vanished])}\n"
            "Nothing was changed. Repair them, or remove the folder if the class isn't meant."
        )


def _list_bad(bad: list[tuple[str, str]]) -> str:
    """Return a list of the bad files by class; files with the same reason share a line."""
    by_class: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for path, reason in bad:
        label, _, name = path.partition("/")
        by_class[label][reason].append(name)
    lines = []
    for label, reasons in by_class.items():
        lines.append(f"  {label} ({sum(map(len, reasons.values())):,})")
        for reason, names in reasons.items():
            count = f" ({len(names):,} files)" if len(names) > 1 else ""
            lines.append(f"    {', '.join(names)}: {reason}{count}")
    return "\n".join(lines)
