"""split: which images are for training, validation and testing, under both protocols, and which fold each is in.

    python -m stages.split

Reads data/raw/, data/manifest.csv. Writes

    data/splits.csv      path, label, photo_id, group, image, grouped, fold, in the manifest's order. `photo_id` is
                         equal for near-duplicates, images of one photograph. `group` is equal for images that may
                         show one cell, and is never divided. `image` and `grouped` hold train, valid or test:
                         `image` divides by file, as the original study did, `grouped` by group. `fold` numbers the
                         folds of the cross-validation
    reports/audit.json   near-duplicates, duplicates, doubtful labels, and what could not be had: see
                         wbc/splitting/audit.py
"""

from pathlib import Path

import pandas as pd
import pydantic

from wbc.core import params
from wbc.core.errors import exit_on_user_error
from wbc.core.files import write_csv, write_json
from wbc.grouping.near_duplicates import find_near_duplicates
from wbc.splitting.audit import PROTOCOLS, audit, summary
from wbc.splitting.splits import PARTS, folds, split_by_group, split_by_image


class SplitParams(params.Section):
    """Section `split` of params.yaml."""

    seed: int = pydantic.Field(ge=0, lt=2**32)
    train: float = pydantic.Field(gt=0, lt=1)
    valid: float = pydantic.Field(ge=0, lt=1)
    folds: int = pydantic.Field(ge=2, le=20)

    @pydantic.model_validator(mode="after")
    def leaves_something_to_test(self):
        if self.train + self.valid >= 1:
            raise ValueError(f"train {self.train} and valid {self.valid} leave no images for the test part")
        return self


@exit_on_user_error
def main():
    settings = params.load("params.yaml", "split", SplitParams)
    manifest = pd.read_csv("data/manifest.csv", dtype=str, keep_default_na=False)
    labels, shares = manifest["label"].to_numpy(), (settings.train, settings.valid)

    found = find_near_duplicates([Path("data/raw", path) for path in manifest["path"]])
    splits = manifest[["path", "label"]].assign(
        photo_id=found.photo_id,
        group=found.group,
        image=split_by_image(labels, shares, settings.seed),
        grouped=split_by_group(labels, found.group, shares, settings.seed),
        fold=folds(labels, found.group, settings.folds, settings.seed),
    )
    findings = audit(splits, found.pixels, shares)
    write_csv("data/splits.csv", splits)
    write_json("reports/audit.json", findings)

    for protocol in PROTOCOLS:
        counts = pd.crosstab(splits["label"], splits[protocol]).reindex(columns=list(PARTS), fill_value=0)
        print(f"images a class, {protocol}:\n{counts.to_string()}\n")
    print("\n".join(summary(findings)))


if __name__ == "__main__":
    main()
