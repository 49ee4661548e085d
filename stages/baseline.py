"""baseline: simpler classifiers, on the images that heads are scored on.

    python -m stages.baseline

Reads data/features/, data/images/, data/splits.csv, data/folds.csv. Does not depend on the heads, so a changed head
doesn't rerun it. A baseline has nothing to stop or to choose, so the images that validate a head train it, too. Writes

    data/baselines/image.csv, grouped.csv   predictions for the test images, trained on all other images
    data/baselines/crossval.csv             predictions for all images, each trained on the other folds

See `wbc.train.baselines.Baselines`.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from wbc.common.errors import exit_on_user_error
from wbc.common.files import replacing
from wbc.common.progress import track
from wbc.embed.features import Features
from wbc.split.schemes import CROSSVAL, HOLDOUTS
from wbc.split.table import Splits
from wbc.train.baselines import Baselines, baseline_predictions
from wbc.train.color_histogram import color_histograms


@exit_on_user_error
def main() -> None:
    """Fit each baseline and predict the images that heads are scored on."""
    splits = Splits.load(Path("data"))
    paths, classes, labels = splits.table["path"], splits.classes, splits.labels
    features = Features.load(Path("data/features"), len(paths)).zooms
    colors = color_histograms([Path("data/images", path) for path in paths])
    rounds = {CROSSVAL: [(one.train, one.test) for one in splits.rounds()]}
    for scheme in HOLDOUTS:
        test = splits.rows(scheme, "test")
        rounds[scheme] = [(np.setdiff1d(np.arange(len(paths)), test), test)]

    fits = [(scheme, *rows) for scheme, parts in rounds.items() for rows in parts]
    found: dict[str, list[pd.DataFrame]] = {scheme: [] for scheme in rounds}
    for scheme, train, test in track(fits, "baseline", unit="fits"):
        found[scheme].append(pd.DataFrame(baseline_predictions(labels, colors, features, train, test), index=test))
    with replacing("data/baselines") as partial:
        partial.mkdir()
        for scheme, parts in found.items():
            table = pd.concat(parts).sort_index()
            predictions = {str(name): column.to_numpy() for name, column in table.items()}
            Baselines(predictions).save(partial, scheme, paths.iloc[table.index], classes)


if __name__ == "__main__":
    main()
