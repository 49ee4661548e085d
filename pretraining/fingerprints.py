"""fingerprints: fingerprints of all cells that trained the backbone or the pretrained classifier.

    python -m pretraining.fingerprints

Reads the parts train and valid of pretraining/cells/. Writes pretraining/fingerprints.npz, by which the stage `split`
recognizes these cells among a user's images.
"""

from pathlib import Path

from wbc.common.errors import exit_on_user_error
from wbc.common.tables import read_csv
from wbc.split.near_duplicates.fingerprints import Fingerprints

CELLS, OUTPUT = Path("pretraining/cells"), Path("pretraining/fingerprints.npz")
TRAINED_ON = ("train", "valid")


@exit_on_user_error
def main() -> None:
    """Make the fingerprints of the cells that were trained on."""
    cells = read_csv(CELLS / "cells.csv")
    paths = cells.loc[cells["part"].isin(TRAINED_ON), "path"]
    known = Fingerprints.of([CELLS / "raw" / path for path in paths])
    known.save(OUTPUT)
    print(f"{len(known.codes):,} fingerprints, {OUTPUT.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
