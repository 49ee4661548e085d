"""The cells of the two laboratories that train the backbone, and the settings of the second training."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pydantic

from wbc.common import params
from wbc.common.images import decode, resize
from wbc.common.progress import track
from wbc.pretraining import parts
from wbc.pretraining.backbone_training import Cells, Phase, PretrainParams


class Raabin(params.Section):
    """The training cells of Raabin-WBC."""

    archive: str
    valid_photographs: int = pydantic.Field(ge=2)  # of the part Train, every so many-th photograph chooses the epoch
    most: dict[str, pydantic.PositiveInt]  # cells of a class that are trained on
    most_valid: pydantic.PositiveInt  # cells of each class that choose the epoch


class ContinueParams(params.Section):
    """Section `continue_training` of pretraining/params.yaml."""

    seed: int = pydantic.Field(ge=0, lt=2**32)
    raabin: Raabin
    phases: list[Phase] = pydantic.Field(min_length=1)
    learning_rate: float = pydantic.Field(gt=0, le=1)  # maximum

    def training(self, recipe: PretrainParams) -> PretrainParams:
        """Return the first training's settings with these phases and this learning rate."""
        own = {"phases": [phase.model_dump() for phase in self.phases], "learning_rate": self.learning_rate}
        return PretrainParams.model_validate(recipe.model_dump() | own)


def raabin_table(settings: Raabin) -> pd.DataFrame:
    """Return the cells of Raabin's part Train, as a table: file, label, laboratory, use (train or valid)."""
    cells = parts.read_parts(Path(settings.archive))
    cells = cells[cells["part"] == "Train"]
    is_valid = parts.every(cells["photograph"], settings.valid_photographs)
    most_valid = dict.fromkeys(cells["label"].unique(), settings.most_valid)
    tables = [
        parts.capped(cells[~is_valid], settings.most).assign(use="train"),
        parts.capped(cells[is_valid], most_valid).assign(use="valid"),
    ]
    return pd.concat(tables).assign(laboratory="raabin")[["file", "label", "laboratory", "use"]].reset_index(drop=True)


def home_table(cells: Path) -> pd.DataFrame:
    """Return Barcelona's cells but those of the part test, as `raabin_table` does.

    Args:
        cells: folder that the stage `cells` wrote.
    """
    home = pd.read_csv(cells / "cells.csv", dtype=str, keep_default_na=False)
    home = home[home["part"] != "test"]
    home["file"] = [cells / "raw" / path for path in home["path"]]
    return home.assign(laboratory="barcelona", use=home["part"])[["file", "label", "laboratory", "use"]]


def read_cells(table: pd.DataFrame, classes: Sequence[str], side: int) -> Cells:
    """Return the images of a table, resized to `side` pixels, each laboratory and class a stratum."""
    strata = table.groupby(["laboratory", "label"]).ngroup().to_numpy()
    return Cells(read_images(table["file"].tolist(), side), table["label"].map(classes.index).to_numpy(), strata)


def read_images(files: Sequence[Path], side: int) -> npt.NDArray[np.uint8]:
    """Return image files, decoded and resized to `side` pixels, as an array (images, side, side, 3)."""
    images = np.empty((len(files), side, side, 3), np.uint8)
    for row, file in enumerate(track(files, "read")):
        images[row] = resize(decode(file)[0], side)
    return images


def say(row: dict[str, Any]) -> None:
    """Print an epoch's results as one line."""
    shown = ", ".join(f"{name} {value:.4f}" for name, value in row.items() if isinstance(value, float))
    print(f"epoch {row['epoch']} at {row['image_size']} px: {shown}", file=sys.stderr, flush=True)
