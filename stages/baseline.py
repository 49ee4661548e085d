"""baseline: what a head must beat, on the images that heads are scored on.

    python -m stages.baseline

Reads data/features/, data/raw/, data/splits.csv. No head has a part in it, so another head doesn't rerun it. Writes

    data/baselines/image.csv, grouped.csv   of the test images of each protocol, by what its training images teach
    data/baselines/crossval.csv             of all images, each by what the cross-validation's other folds teach

with the columns path, and majority, color_histogram, logistic_regression: the class that each baseline names.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from wbc.core.errors import exit_on_user_error
from wbc.core.files import replacing, write_csv
from wbc.core.progress import track
from wbc.core.tables import open_features, read_splits
from wbc.evaluation.baselines import baseline_predictions
from wbc.features.color_histogram import color_histograms
from wbc.splitting.folds import cv_rounds


@exit_on_user_error
def main():
    splits, numbers, classes = read_splits("data/splits.csv")
    features = open_features(Path("data/features/features.npy"), len(splits))[:, 0]
    scored = {
        protocol: [[np.flatnonzero(splits[protocol] == part) for part in ("train", "test")]]
        for protocol in ("image", "grouped")
    }
    scored["crossval"] = [(train, test) for train, _, test in cv_rounds(splits["fold"])]

    colors = color_histograms([Path("data/raw", path) for path in splits["path"]])
    tables = {name: [] for name in scored}
    fits = [(name, *rows) for name, found in scored.items() for rows in found]
    for scheme, train, test in track(fits, "baseline", unit="fits"):
        found = baseline_predictions(numbers, colors, features, train, test)
        named = {name: np.array(classes)[guess] for name, guess in found.items()}
        tables[scheme].append(splits.loc[test, ["path"]].assign(**named))
    with replacing("data/baselines") as partial:
        partial.mkdir()
        for name, found in tables.items():
            write_csv(partial / f"{name}.csv", pd.concat(found).sort_index())


if __name__ == "__main__":
    main()
