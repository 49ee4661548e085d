"""baseline: what a head must beat, on the images that heads are scored on.

    python -m stages.baseline

Reads data/features/, data/images/, data/splits.csv. No head has a part in it, so another head doesn't rerun it. A baseline
has nothing to stop or to choose, so it learns from the images that validate a head, too. Writes

    data/baselines/image.csv, grouped.csv   of the test images of each protocol, by what all its other images teach
    data/baselines/crossval.csv             of all images, each by what the cross-validation's other folds teach

with the columns path, and majority, color_histogram, logistic_regression: the class that each baseline names.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from wbc.split.rounds import cv_rounds

from wbc.common.errors import advise, exit_on_user_error
from wbc.common.files import replacing, write_csv
from wbc.common.progress import track
from wbc.common.tables import open_zooms, read_splits
from wbc.split.schemes import CROSSVAL, HOLDOUTS
from wbc.train.baselines import baseline_predictions
from wbc.train.color_histogram import color_histograms


@exit_on_user_error
def main() -> None:
    """Let each baseline name the images that heads are scored on."""
    splits, labels, classes = read_splits("data/splits.csv")
    features = open_zooms(Path("data/features/features.npy"), Path("data/features/features.json"), len(splits))
    rounds = {
        protocol: [(np.flatnonzero(splits[protocol] != "test"), np.flatnonzero(splits[protocol] == "test"))]
        for protocol in HOLDOUTS
    }
    with advise("Raise `split.folds`, then type `dvc repro`."):
        rounds[CROSSVAL] = [
            (np.sort(np.concatenate([train, valid])), test)
            for train, valid, test in cv_rounds(splits["fold"], splits["withheld"])
        ]

    colors = color_histograms([Path("data/images", path) for path in splits["path"]])
    tables: dict[str, list[pd.DataFrame]] = {scheme: [] for scheme in rounds}
    fits = [(scheme, train, test) for scheme, parts in rounds.items() for train, test in parts]
    for scheme, train, test in track(fits, "baseline", unit="fits"):
        predictions = baseline_predictions(labels, colors, features, train, test)
        named = {name: np.array(classes)[numbers] for name, numbers in predictions.items()}
        tables[scheme].append(splits.loc[test, ["path"]].assign(**named))
    with replacing("data/baselines") as partial:
        partial.mkdir()
        for scheme, parts in tables.items():
            write_csv(partial / f"{scheme}.csv", pd.concat(parts).sort_index())


if __name__ == "__main__":
    main()
