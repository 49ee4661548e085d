"""Reader of the pipeline's CSV tables."""

from pathlib import Path

import pandas as pd

from wbc.common.files import reading

# Columns that hold names. A class may be called "1", "NA" or "None": names stay text.
TEXT = ("path", "label", "sha256", "predicted", "class", "file", "part", "cell")


def read_csv(path: Path | str) -> pd.DataFrame:
    """Read a CSV file of this pipeline: names stay text, and no name is taken for a missing value.

    Raises:
        UserError: the file is damaged.
    """
    with reading(path):
        text = [*TEXT, *(column for column in pd.read_csv(path, nrows=0) if column.startswith("given_"))]
        return pd.read_csv(path, dtype=dict.fromkeys(text, str), keep_default_na=False)
