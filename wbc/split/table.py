"""Split of a data set: parts, groups and folds of every image, in files that later stages read."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from wbc.common.errors import UserError
from wbc.common.files import reading, write_csv
from wbc.common.tables import read_csv

SPLITS, FOLDS = "splits.csv", "folds.csv"
Rows = npt.NDArray[np.integer]  # numbers of images, in the order of splits.csv


class Round(NamedTuple):
    """One fold of the cross-validation; the heads that score it are trained on the other folds."""

    fold: int
    test: Rows
    train: Rows  # without excluded images
    block: npt.NDArray[np.integer]  # validation block of each row of `train`, from 1; 0 for none
    blocks: int  # number of blocks

    def for_head(self, number: int) -> tuple[Rows, Rows]:
        """Return the training rows and the validation rows of head `number`, from 1."""
        is_valid = self.block == (number - 1) % self.blocks + 1
        return self.train[~is_valid], self.train[is_valid]


class Splits(NamedTuple):
    """Parts, groups and folds of all images.

    >>> splits = Splits.load(Path("data"))                                        # doctest: +SKIP
    >>> splits.rows("grouped", "test")                                            # doctest: +SKIP
    """

    # splits.csv, a row per image in the manifest's order: path, label, photo_id, group, image and grouped (train, valid
    # or test), fold (the one that scores the image), and given_<kind> for each kind of group that the user gave.
    table: pd.DataFrame
    # folds.csv, a row per image and fold: path, fold, role (train, test or excluded) and, of training images, block.
    folds: pd.DataFrame

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read splits.csv and folds.csv.

        Raises:
            UserError: a file is damaged, or the files are of different images.
        """
        splits = cls(read_csv(folder / SPLITS), read_csv(folder / FOLDS))
        with reading(folder / FOLDS):
            counts = splits.folds.astype({"fold": int, "block": int}).groupby("path")["fold"].nunique()
        with reading(folder / SPLITS):
            paths = set(splits.table.astype({"fold": int, "group": int})["path"])
        if set(counts.index) != paths or counts.nunique() != 1:
            raise UserError(
                f"{folder / FOLDS} and {folder / SPLITS} are of different images, or one of them is damaged. Type "
                "`dvc repro`."
            )
        return splits

    def save(self, folder: Path) -> None:
        """Write splits.csv and folds.csv into a folder."""
        write_csv(folder / SPLITS, self.table)
        write_csv(folder / FOLDS, self.folds)

    @property
    def classes(self) -> list[str]:
        """The class names, sorted: the order of class numbers."""
        return sorted(self.table["label"].unique())

    @property
    def labels(self) -> Rows:
        """The class number of each image."""
        return pd.factorize(self.table["label"], sort=True)[0]

    @property
    def groups(self) -> Rows:
        """The group number of each image."""
        return self.table["group"].to_numpy()

    @property
    def fold(self) -> Rows:
        """The number of the fold that scores each image."""
        return self.table["fold"].to_numpy()

    def rows(self, scheme: str, part: str) -> Rows:
        """Return the images in a part (train, valid, test) of a split (image, grouped)."""
        return np.flatnonzero(self.table[scheme] == part)

    def only(self, paths: Iterable[str]) -> Self:
        """Return the splits of the images at `paths`."""
        kept = set(paths)
        tables = (table[table["path"].isin(kept)].reset_index(drop=True) for table in self)
        return type(self)(*tables)

    def rounds(self) -> list[Round]:
        """Return the rounds of the cross-validation, in the order of their folds."""
        numbers = dict(zip(self.table["path"], range(len(self.table)), strict=True))
        rows = self.folds["path"].map(numbers).to_numpy()
        rounds = []
        blocks = 2 * (self.folds["fold"].nunique() - 1)
        for fold, members in self.folds.groupby("fold", sort=True).indices.items():
            role, block = (self.folds[name].to_numpy()[members] for name in ("role", "block"))
            is_train = role == "train"
            rounds.append(
                Round(int(fold), rows[members][role == "test"], rows[members][is_train], block[is_train], blocks)
            )
        return rounds
