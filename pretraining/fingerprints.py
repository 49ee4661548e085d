"""fingerprints: of all cells that trained the backbone or the pretrained classifier.

    python -m pretraining.fingerprints

Reads pretraining/cells/, whose parts train and valid were used for training, and the cells of Raabin's part Train that
the stage continue_training used. Writes pretraining/fingerprints.npz, by which the stage `split` and `wbc predict`
recognize these cells among a user's images.
"""

from pathlib import Path

from wbc.common import params
from wbc.common.errors import exit_on_user_error
from wbc.pretraining.two_laboratories import ContinueParams, home_table, raabin_table
from wbc.split.near_duplicates.fingerprints import Fingerprints

PARAMS, CELLS = "pretraining/params.yaml", Path("pretraining/cells")
OUTPUT = Path("pretraining/fingerprints.npz")


@exit_on_user_error
def main() -> None:
    """Compute the fingerprints of the cells that were trained on."""
    settings = params.load(PARAMS, "continue_training", ContinueParams)
    home, raabin = home_table(CELLS)["file"], raabin_table(settings.raabin)["file"]
    # Raabin's images are blurred. Scaled by them, cells of the same laboratory that are not known matched, too.
    known = Fingerprints.of([*home, *raabin], scaled_by=len(home))
    known.save(OUTPUT)
    print(f"{len(known.codes):,} fingerprints, {OUTPUT.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
