"""The cells on which a backbone is measured, of its own laboratory and of others."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import pandas as pd
import pydantic

from wbc.common import params
from wbc.common.errors import UserError
from wbc.fetch import archives, manifest
from wbc.train.params import HeadParams, OptimizerParams


class StudyParams(params.Section):
    """Settings of the study's head."""

    head: HeadParams
    optimizer: OptimizerParams


class MeasureParams(params.Section):
    """Section `measure` of pretraining/params.yaml."""

    image_size: int = pydantic.Field(ge=32, le=1024)
    classes: list[str] = pydantic.Field(min_length=2)
    laboratories: dict[str, str]  # name: zip of class folders, relative to the project's top folder
    seeds: list[int] = pydantic.Field(min_length=1)
    crops: list[Annotated[float, pydantic.Field(gt=0, lt=1)]]  # shares of a PBC image's sides
    study: StudyParams

    @pydantic.field_validator("laboratories")
    @classmethod
    def are_other_laboratories(cls, laboratories: dict[str, str]) -> dict[str, str]:
        """Refuse the laboratory that the backbone was trained on."""
        if "pbc" in laboratories:
            raise ValueError("pbc is the laboratory that the backbone comes from; give the other another name")
        return laboratories


def read_home(cells: Path, classes: Sequence[str], params_file: str) -> pd.DataFrame:
    """Return the cells of `classes` in the backbone's own laboratory, as a table: file, label, part.

    Args:
        cells: folder that the stage `cells` wrote.
        classes: names of classes.
        params_file: that names the classes, for messages.

    Raises:
        UserError: a class is missing.
    """
    table = pd.read_csv(cells / "cells.csv", dtype=str, keep_default_na=False)
    if missing := sorted(set(classes) - set(table["label"])):
        raise UserError(
            f"`measure.classes` in {params_file} names {', '.join(missing)}, which {cells} doesn't hold. "
            f"Must be of {', '.join(sorted(set(table['label'])))}."
        )
    table["file"] = [cells / "raw" / path for path in table["path"]]
    return table[table["label"].isin(classes)]


def read_laboratory(name: str, archive: Path, folder: Path, classes: Sequence[str], params_file: str) -> pd.DataFrame:
    """Unpack another laboratory's archive to `folder` and return its cells of `classes`, as a table: file, label.

    Args:
        name: of the laboratory.
        archive: a zip of class folders.
        folder: must not exist yet.
        classes: names of classes.
        params_file: that names archive and classes, for messages.

    Raises:
        UserError: there is no such archive, or it holds fewer than two of the classes.
    """
    if not archive.is_file():
        raise UserError(
            f"`measure.laboratories.{name}` in {params_file} is {archive}, and there is no such file. Put it there "
            "(see pretraining/archives/README.md), or take the line out (`laboratories: {}` for none); then type "
            "`make blood`, which goes on from here."
        )
    archives.unpack(archive, folder)
    listed = manifest.build_manifest(folder)
    manifest.refuse_bad(listed.bad, listed.rows)
    table = pd.DataFrame(listed.rows)
    table["file"] = [folder / path for path in table["path"]]
    table = table[table["label"].isin(classes)]
    if table["label"].nunique() < 2:
        raise UserError(
            f"{archive} holds images of {', '.join(sorted({row.label for row in listed.rows}))}, fewer than two of the "
            f"classes {', '.join(classes)} that `measure.classes` in {params_file} names. Rename its folders to those."
        )
    return table
