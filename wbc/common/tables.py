"""What earlier stages have prepared for training and scoring, opened and checked against the images at hand."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from wbc.common.errors import UserError
from wbc.common.files import read_json

# Columns that hold names. A class may be called "1", "NA" or "None": names stay text.
TEXT = ("path", "label", "sha256", "predicted", "class", "file", "part", "cell", "withheld")


def read_csv(path: Path | str) -> pd.DataFrame:
    """Read a CSV file of this pipeline: names stay text, and no name is taken for a missing value."""
    text = [*TEXT, *(column for column in pd.read_csv(path, nrows=0) if column.startswith("given_"))]
    return pd.read_csv(path, dtype=dict.fromkeys(text, str), keep_default_na=False)


def read_splits(path: Path | str) -> tuple[pd.DataFrame, npt.NDArray[np.integer], list[str]]:
    """Return what the stage `split` wrote, and its classes: (table, class number of each image, class names).

    The table is a DataFrame, the numbers an int array, and the names a list in the order of their numbers. A class may
    be called NA, or 1.
    """
    table = read_csv(path)
    numbers, names = pd.factorize(table["label"], sort=True)
    return table, numbers, names.tolist()


def open_features(path: Path, images: int) -> npt.NDArray[np.float16]:
    """Return the features at `path`, memory-mapped: float16 array (images, zooms + views, n); [:, 0] is what is scored.

    Args:
        path: the .npy file.
        images: how many images it must hold.

    Raises:
        UserError: it holds another number.
    """
    features = np.load(path, mmap_mode="r", allow_pickle=False)
    if len(features) != images:
        raise UserError(
            f"{path.parent}/ holds {len(features):,} images and the splits {images:,}: they were made from different "
            "images."
        )
    return features


def open_zooms(path: Path, facts: Path, images: int) -> npt.NDArray[np.float16]:
    """Return the features at `path` without those of random views: float16 array (images, zooms, n), memory-mapped.

    Args:
        path: the .npy file.
        facts: what made it, features.json.
        images: how many images it must hold.

    Raises:
        UserError: it holds another number.
    """
    return open_features(path, images)[:, : len(read_json(facts)["zooms"])]


def read_baseline_predictions(
    path: Path | str, images: Iterable[str], classes: list[str]
) -> dict[str, npt.NDArray[np.integer]]:
    """Return what baselines call each image, from a table of the stage `baseline`.

    Args:
        path: the CSV file: the column path, and one per baseline.
        images: paths of the images that it must hold, in order.
        classes: class names in the order of their numbers.

    Returns:
        {baseline: int array of class numbers}.

    Raises:
        UserError: it holds other images.
    """
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    if table["path"].tolist() != list(images):
        raise UserError(f"{path} holds other images than those scored here: it was made from another split.")
    numbers = {name: number for number, name in enumerate(classes)}
    return {baseline: table[baseline].map(numbers).to_numpy() for baseline in table.columns.drop("path")}
