"""The cells of a laboratory that publishes them in parts: class folders inside a folder for each part."""

import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from wbc.common.errors import UserError
from wbc.common.files import replacing, sha256

LABORATORIES = Path(".cache/laboratories")  # archives are unpacked here, each once


def read_parts(archive: Path) -> pd.DataFrame:
    """Unpack a zip of `<part>/<class>/<file>`, and return its images as a table: file, part, label, photograph.

    The photograph is the file's name without the number of the cell, which is its last part after an underscore.

    Args:
        archive: a zip; folders above the parts are ignored.

    Raises:
        UserError: there is no such archive.
    """
    if not archive.is_file():
        raise UserError(f"{archive} doesn't exist. pretraining/archives/README.md says where to get it.")
    folder = LABORATORIES / f"{archive.stem}-{sha256(archive)[:12]}"
    if not folder.exists():
        with replacing(folder) as partial, zipfile.ZipFile(archive) as content:
            content.extractall(partial)
    files = sorted(folder.rglob("*.jpg"))
    return pd.DataFrame(
        {
            "file": files,
            "part": [file.parts[-3] for file in files],
            "label": [file.parts[-2] for file in files],
            "photograph": [file.stem.rpartition("_")[0] or file.stem for file in files],
        }
    )


def every(photographs: pd.Series, number: int, first: int = 0) -> npt.NDArray[np.bool_]:
    """Return a mask of the images of every `number`-th photograph, in the order of names, from the `first` on."""
    codes, _ = pd.factorize(photographs, sort=True)
    return codes % number == first


def capped(table: pd.DataFrame, most: dict[str, int]) -> pd.DataFrame:
    """Return a table of cells with at most `most[class]` of a class, spread evenly over its rows."""
    kept = []
    for label, rows in table.groupby("label").indices.items():
        count = min(len(rows), most.get(str(label), len(rows)))
        kept.append(rows[np.linspace(0, len(rows) - 1, count).astype(int)])
    return table.iloc[np.sort(np.concatenate(kept))]
