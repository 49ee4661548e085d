"""Labels from a table: a CSV that names the class of each image, and optionally its patient, slide or part."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pandas as pd

from wbc.common.errors import UserError
from wbc.fetch.file_lists import FILE, GROUP_KINDS, MISSING, assign, read_list, some
from wbc.fetch.layout import CLASS, PART, part_of

LABEL = "label"
ONE_LABEL = "An image has one label here: multi-label classification is not supported."


class LabelTable(NamedTuple):
    """Table of labels, read and checked before the images are fetched."""

    file: Path  # for messages
    table: pd.DataFrame  # columns file, label and any of part and `GROUP_KINDS`

    @classmethod
    def read(cls, file: Path) -> "LabelTable":
        """Read a CSV with the columns `file` and `label`, and optionally `part`, `patient`, `slide` and the like.

        Raises:
            UserError: the CSV can't be read or has other columns, an image has no label or several, or a part is
                unknown.
        """
        table = read_list(file)
        known = (FILE, LABEL, PART, *GROUP_KINDS)
        unknown = [column for column in table.columns if column not in known]
        if FILE in table and unknown and table[unknown].isin(["0", "1", "0.0", "1.0"]).all(axis=None):
            raise UserError(f"{file} has a column of 0 and 1 for each label ({some(unknown)}). {ONE_LABEL}")
        if not {FILE, LABEL} <= set(table.columns) or unknown:
            raise UserError(
                f"{file} should have the columns `file` and `label`, and may have {', '.join(known[2:])}; it has "
                f"{', '.join(table.columns)}. Rename its columns, or take those out that are not needed."
            )
        if unsaid := table.loc[table[LABEL] == "", FILE].tolist():
            raise UserError(f"{file} gives no label to {some(unsaid)}.")
        for label in table[LABEL].unique():
            if label.lower() in MISSING:
                raise UserError(
                    f"{file} gives the label {label!r}, which often means a missing value. Rename it if it is a "
                    "class; else take these rows out."
                )
            if any(separator in label for separator in "|;,"):
                raise UserError(f"{file} gives the label {label!r}. {ONE_LABEL}")
            if "/" in label or "\\" in label or label in (".", ".."):
                raise UserError(f"{file} gives the label {label!r}, which can't be the name of a folder. Rename it.")
        for part in table[PART].unique() if PART in table else ():
            if part and part_of(part) is None:
                raise UserError(f"{file} names the part {part!r}. A part is train, valid or test.")
        several = table.groupby(FILE)[LABEL].nunique()
        if len(several := several[several > 1]):
            raise UserError(f"{file} gives several labels to {some(several.index.tolist())}. {ONE_LABEL}")
        return cls(file, table)

    def place(self, images: Sequence[PurePosixPath], source: Path) -> dict[PurePosixPath, dict[str, str]]:
        """Return {path: {"class": ..., and "part", "patient", ... if the table has them}}.

        Raises:
            UserError: an image has no label or several, or the table names a file that isn't there.
        """
        columns = [column for column in self.table.columns if column != FILE]
        said, without = assign(self.file, self.table, columns, [str(image) for image in images])
        if without:
            raise UserError(
                f"{self.file} names what is not among the {len(images):,} images of {source}: {some(without)}."
            )
        if lacking := [str(image) for image, label in zip(images, said[LABEL], strict=True) if not label]:
            raise UserError(
                f"{self.file} gives no label to {len(lacking):,} of {len(images):,} images of {source}: "
                f"{some(lacking)}. Add them to it, or take them out."
            )
        said = said.rename(columns={LABEL: CLASS})
        if PART in said:
            said[PART] = [part_of(part) or "" for part in said[PART]]
        return dict(zip(images, said.to_dict("records"), strict=True))
