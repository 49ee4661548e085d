"""measure: scores of classifiers on the features of two backbones, at home and in other laboratories.

    python -m pretraining.measure

Reads the weights, pretraining/cells/ and the archives of other laboratories that pretraining/params.yaml names.
Writes pretraining/results.json, for the blood backbone and for ImageNet's:

    pbc_test                             classifiers fitted on the parts train and valid, scored on the part test;
    laboratories.<name>.within           5-fold cross-validation over that laboratory's images, by cell;
    laboratories.<name>.from_pbc         classifiers fitted on the parts train and valid, scored on that laboratory;
    laboratories.<name>.from_pbc_crops   the same, fitted on each PBC image and on its middle, cropped to `crops`.

Each is scored by the commonest class, by logistic regression and by the study's head (wbc/pretraining/transfer.py). All
but the crops are also scored as "before": by the logistic regression of earlier cards.
"""

import functools
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from wbc.common import params
from wbc.common.errors import exit_on_user_error
from wbc.common.files import sha256, write_json
from wbc.embed import backbones
from wbc.embed.tensorflow_setup import keras, start
from wbc.evaluate.metrics import rounded
from wbc.pretraining import efficientnet_lite0, transfer
from wbc.pretraining.laboratories import MeasureParams, read_home, read_laboratory
from wbc.split.near_duplicates.search import find_near_duplicates
from wbc.train.params import FitParams

PARAMS, CELLS = "pretraining/params.yaml", Path("pretraining/cells")
WEIGHTS = Path("pretraining/efficientnetb0.weights.h5")
LITE0_SIZE = 224  # pixels, as in EfficientNet-Lite0's training


@exit_on_user_error
def main() -> None:
    """Measure the backbone's features within and between laboratories."""
    settings = params.load(PARAMS, "measure", MeasureParams)
    start(seed=0)  # for the deterministic kernels; each fit has its own seed
    with tempfile.TemporaryDirectory(prefix="laboratories-") as folder:
        tables = {"pbc": read_home(CELLS, settings.classes, PARAMS)}
        for name, archive in settings.laboratories.items():
            tables[name] = read_laboratory(name, Path(archive), Path(folder, name), settings.classes, PARAMS)
            tables[name]["group"] = find_near_duplicates(tables[name]["file"].tolist()).group
        results = {}
        for name, size, build in (
            ("blood", settings.image_size, functools.partial(backbones.build, weights=WEIGHTS)),
            ("imagenet_lite0", LITE0_SIZE, efficientnet_lite0.imagenet),
        ):
            results[name] = {"image_size": size} | measure(build(size), tables, settings)

    pbc, *others = tables
    write_json(
        "pretraining/results.json",
        {
            "weights_sha256": sha256(WEIGHTS),
            "crops": settings.crops,
            "images": {
                pbc: tables[pbc]["part"].value_counts()[["train", "valid", "test"]].to_dict(),
                "laboratories": {name: tables[name]["label"].value_counts().sort_index().to_dict() for name in others},
            },
            "results": rounded(results),
        },
    )


def measure(model: "keras.Model", tables: dict[str, pd.DataFrame], settings: MeasureParams) -> dict[str, Any]:
    """Return one backbone's results.

    Args:
        model: the backbone.
        tables: {"pbc", or name of a laboratory: table of its cells}.
        settings: of the measurement.
    """
    head = FitParams(seed=0, head=settings.study.head, optimizer=settings.study.optimizer)  # `transfer` sets the seed
    labels = {place: table["label"].map(settings.classes.index).to_numpy() for place, table in tables.items()}
    files = {place: table["file"].tolist() for place, table in tables.items()}
    pbc, *others = tables
    crops = {place: settings.crops if place == pbc else [] for place in tables}
    cells = {
        place: transfer.Labelled(transfer.cropped_features(model, files[place], crops[place]), labels[place])
        for place in tables
    }
    plain = {place: transfer.Labelled(labelled.features[:, :1], labelled.labels) for place, labelled in cells.items()}
    mirrored = {
        place: transfer.Labelled(transfer.mean_mirror_features(model, files[place], place)[:, None], labels[place])
        for place in tables
    }
    part = tables[pbc]["part"].to_numpy()
    train, valid, test = (part == name for name in ("train", "valid", "test"))
    abroad = {name: plain[name] for name in others}
    home = plain[pbc]
    scored = transfer.across(home.of(train), home.of(valid), {pbc: home.of(test)} | abroad, head, settings.seeds)
    before = transfer.before(
        mirrored[pbc].of(~test), {pbc: mirrored[pbc].of(test)} | {name: mirrored[name] for name in others}
    )
    by_crops: dict[str, Any] = {}
    if others and settings.crops:
        by_crops = transfer.across(cells[pbc].of(train), cells[pbc].of(valid), abroad, head, settings.seeds)
    groups = {name: tables[name]["group"].to_numpy() for name in others}
    return {
        "pbc_test": scored[pbc] | {"before": before[pbc]},
        "laboratories": {
            name: {
                "within": transfer.within(plain[name], groups[name], head, settings.seeds)
                | {"before": transfer.within_before(mirrored[name], groups[name], settings.seeds)},
                "from_pbc": scored[name] | {"before": before[name]},
            }
            | ({"from_pbc_crops": by_crops[name]} if by_crops else {})
            for name in others
        },
    }


if __name__ == "__main__":
    main()
