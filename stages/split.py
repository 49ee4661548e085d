"""split: which images are for training, validation and testing, under both protocols.

Reads data/raw/, data/manifest.csv. Writes data/splits.csv: path, label, group, image, grouped, in the manifest's
order, where the last two hold train, valid or test: `image` divides by file, as the original study did, `grouped` by
group of sibling images.
"""

from pathlib import Path

import pandas as pd
import pydantic

from stages.lib import params
from stages.lib.errors import speaks_to_people
from stages.lib.files import write_csv
from stages.lib.siblings import find_groups
from stages.lib.splits import PARTS, split_by_group, split_by_image


class SplitParams(params.Section):
    seed: int = pydantic.Field(ge=0, lt=2**32)
    train: float = pydantic.Field(gt=0, lt=1)
    valid: float = pydantic.Field(ge=0, lt=1)

    @pydantic.model_validator(mode="after")
    def leaves_something_to_test(self):
        if self.train + self.valid >= 1:
            raise ValueError(f"train {self.train} and valid {self.valid} leave no images for the test part")
        return self


@speaks_to_people
def main():
    settings = params.load("params.yaml", "split", SplitParams)
    manifest = pd.read_csv("data/manifest.csv", dtype=str, keep_default_na=False)
    labels, shares = manifest["label"].to_numpy(), (settings.train, settings.valid)

    groups = find_groups([Path("data/raw", path) for path in manifest["path"]])
    splits = manifest[["path", "label"]].assign(
        group=groups,
        image=split_by_image(labels, shares, settings.seed),
        grouped=split_by_group(labels, groups, shares, settings.seed),
    )
    write_csv("data/splits.csv", splits)

    print(f"{len(splits):,} images in {splits['group'].nunique():,} groups of identical images")
    for protocol in ("image", "grouped"):
        counts = pd.crosstab(splits["label"], splits[protocol]).reindex(columns=list(PARTS), fill_value=0)
        print(f"\n{protocol}:\n{counts.to_string()}")
        for label, part in (counts == 0).stack().loc[lambda empty: empty].index:
            print(
                f"note: no image of {label} is in {part}: it has {(labels == label).sum()}, in too few groups to divide"
            )


if __name__ == "__main__":
    main()
