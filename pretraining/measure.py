"""measure: what the blood backbone's features tell, at home and in other laboratories, beside ImageNet's.

    python -m pretraining.measure

Reads the weights, pretraining/cells/ and the archives of other laboratories that pretraining/params.yaml names, and
the head's settings in params.yaml. Writes pretraining/results.json: for each backbone

    pbc_test                       classifiers fitted on the parts train and valid, scored on the part test
    laboratories.<name>.within     5-fold cross-validation over that laboratory's images, by cell
    laboratories.<name>.from_pbc   classifiers fitted on the parts train and valid, scored on that laboratory's cells

each by the commonest class, by logistic regression and by the default head, see lib/transfer.py.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pydantic

from wbc.core import params
from wbc.core.errors import UserError, exit_on_user_error
from wbc.core.files import sha256, write_json
from wbc.data import archives, manifest
from wbc.evaluation.metrics import rounded
from wbc.grouping.near_duplicates import find_near_duplicates
from wbc.models import backbones
from wbc.models.tensorflow_setup import start
from wbc.pretraining import transfer
from wbc.training import fitting

PARAMS, CELLS = "pretraining/params.yaml", Path("pretraining/cells")
WEIGHTS = Path("pretraining/efficientnetb0.weights.h5")
LITE0_SIZE = 224  # pixels; what EfficientNet-Lite0 was trained at


class MeasureParams(params.Section):
    """Section `measure` of pretraining/params.yaml."""

    image_size: int = pydantic.Field(ge=32, le=1024)
    classes: list[str] = pydantic.Field(min_length=2)
    laboratories: dict[str, str]  # name: zip of class folders, relative to the project's top folder
    seeds: list[int] = pydantic.Field(min_length=1)

    @pydantic.field_validator("laboratories")
    @classmethod
    def are_other_laboratories(cls, found: dict[str, str]) -> dict[str, str]:
        """Refuse the laboratory that the backbone was trained on."""
        if "pbc" in found:
            raise ValueError("pbc is the laboratory that the backbone comes from; give the other another name")
        return found


@exit_on_user_error
def main() -> None:
    """Measure the backbone's features within and between laboratories."""
    settings = params.load(PARAMS, "measure", MeasureParams)
    head = params.load("params.yaml", "train", fitting.TrainParams)
    start(seed=0)  # each fit is seeded by itself; this is for the deterministic kernels
    with tempfile.TemporaryDirectory(prefix="laboratories-") as folder:
        tables = {"pbc": read_home(settings.classes)}
        for name, archive in settings.laboratories.items():
            tables[name] = read_laboratory(name, Path(archive), Path(folder, name), settings.classes)
        results = {}
        for name, size, architecture, weights in (
            ("blood", settings.image_size, "EfficientNetB0", WEIGHTS),
            ("imagenet_lite0", LITE0_SIZE, "EfficientNetLite0", "imagenet"),
        ):
            model = backbones.build(architecture, size, weights)
            features = {
                place: transfer.Labelled(
                    transfer.mean_mirror_features(model, table["file"], f"{name}, {place}"), numbers
                )
                for place, table in tables.items()
                for numbers in [table["label"].map(settings.classes.index).to_numpy()]
            }
            results[name] = {"image_size": size} | score(features, tables, head, settings.seeds)

    pbc, *others = tables
    write_json(
        "pretraining/results.json",
        {
            "weights_sha256": sha256(WEIGHTS),
            "images": {
                pbc: tables[pbc]["part"].value_counts()[["train", "valid", "test"]].to_dict(),
                "laboratories": {name: tables[name]["label"].value_counts().sort_index().to_dict() for name in others},
            },
            "results": rounded(results),
        },
    )


def read_home(classes: Sequence[str]) -> pd.DataFrame:
    """Return the cells of `classes` that the backbone was made from and with, as a table: file, label, part."""
    table = pd.read_csv(CELLS / "cells.csv", dtype=str, keep_default_na=False)
    if missing := sorted(set(classes) - set(table["label"])):
        raise UserError(
            f"`measure.classes` in {PARAMS} names {', '.join(missing)}, which {CELLS} doesn't hold. "
            f"Must be of {', '.join(sorted(set(table['label'])))}."
        )
    table["file"] = [CELLS / "raw" / path for path in table["path"]]
    return table[table["label"].isin(classes)]


def read_laboratory(name: str, archive: Path, folder: Path, classes: Sequence[str]) -> pd.DataFrame:
    """Unpack another laboratory's archive to `folder` and return its cells of `classes`: file, label, group."""
    if not archive.is_file():
        raise UserError(
            f"`measure.laboratories.{name}` in {PARAMS} is {archive}, and there is no such file. Put it there (see "
            "pretraining/archives/README.md), or take the line out (`laboratories: {}` for none); then type "
            "`make blood`, which goes on from here."
        )
    archives.unpack(archive, folder)
    found = manifest.build_manifest(folder)
    manifest.refuse_bad(found.bad, found.rows)
    table = pd.DataFrame(found.rows)
    table["file"] = [folder / path for path in table["path"]]
    table = table[table["label"].isin(classes)]
    if table["label"].nunique() < 2:
        raise UserError(
            f"{archive} holds images of {', '.join(sorted({row.label for row in found.rows}))}, fewer than two of the "
            f"classes {', '.join(classes)} that `measure.classes` in {PARAMS} names. Rename its folders to those."
        )
    table["group"] = find_near_duplicates(table["file"].tolist()).group
    return table


def score(
    features: dict[str, transfer.Labelled],
    tables: dict[str, pd.DataFrame],
    head: fitting.TrainParams,
    seeds: Sequence[int],
) -> dict[str, Any]:
    """Return one backbone's results; `features` is {"pbc" and each laboratory: `probes.Labelled`}, as `tables` are."""
    pbc, *others = features
    part = tables[pbc]["part"]
    train, valid, test = (features[pbc].of((part == name).to_numpy()) for name in ("train", "valid", "test"))
    scores = transfer.across(train, valid, {pbc: test} | {name: features[name] for name in others}, head, seeds)
    return {
        "pbc_test": scores[pbc],
        "laboratories": {
            name: {
                "within": transfer.within(features[name], tables[name]["group"].to_numpy(), head, seeds),
                "from_pbc": scores[name],
            }
            for name in others
        },
    }


if __name__ == "__main__":
    main()
