"""cells: the labelled cells of the blood backbone, divided into training, validation and test parts.

    python -m pretraining.cells

Reads the archive that pretraining/params.yaml names. Writes pretraining/cells/: raw/<class>/<file> as delivered,
cells.csv (path, label, sha256, part, in the order of paths) and source.json. The part `train` trains the backbone,
`valid` chooses the epoch and the settings, `test` is for the model card only.
"""

from pathlib import Path

import pandas as pd
import pydantic

from wbc.common import params
from wbc.common.errors import UserError, exit_on_user_error
from wbc.common.files import replacing, sha256, write_csv, write_json
from wbc.fetch import archives, manifest
from wbc.split.parts import split_by_group

PARAMS, OUTPUT = "pretraining/params.yaml", Path("pretraining/cells")


class CellsParams(params.Section):
    """Section `cells` of pretraining/params.yaml."""

    archive: str = pydantic.Field(min_length=1)  # a zip of class folders, relative to the project's top folder
    seed: int = pydantic.Field(ge=0, lt=2**32)
    train: float = pydantic.Field(gt=0, lt=1)  # shares of each class
    valid: float = pydantic.Field(gt=0, lt=1)


@exit_on_user_error
def main() -> None:
    """Read the archive and divide its cells into parts."""
    settings = params.load(PARAMS, "cells", CellsParams)
    archive = Path(settings.archive)
    if not archive.is_file():
        raise UserError(
            f"The cells to train the backbone on were to be in {archive}, and there is no such file. "
            "pretraining/archives/README.md says where to get them; then type `make blood`."
        )
    with replacing(OUTPUT) as partial:
        archives.unpack(archive, partial / "raw")
        listed = manifest.build_manifest(partial / "raw")
        manifest.refuse_bad(listed.bad, listed.rows)
        cells = pd.DataFrame(listed.rows)[["path", "label", "sha256"]]
        # Files with two labels are left out; identical files with one label are in one part.
        labels = cells.groupby("sha256")["label"].transform("nunique")
        contradicted, cells = cells[labels > 1], cells[labels == 1].reset_index(drop=True)
        shares = (settings.train, settings.valid)
        cells["part"] = split_by_group(cells["label"], cells.groupby("sha256").ngroup(), shares, settings.seed)
        write_csv(partial / "cells.csv", cells)
        counts = pd.crosstab(cells["label"], cells["part"])[["train", "valid", "test"]]
        source = {
            "archive": archive.name,
            "sha256": sha256(archive),
            "images": len(cells),
            "left_out_for_two_labels": contradicted["path"].tolist(),
            "classes": {label: row.to_dict() for label, row in counts.iterrows()},
        }
        write_json(partial / "source.json", source)
    print(counts.to_string())
    print(f"{len(contradicted)} images left out, each under two labels")


if __name__ == "__main__":
    main()
