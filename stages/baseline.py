"""baseline: simple classifiers, scored on the same images as the heads.

    python -m stages.baseline

Reads data/features/, data/images/, data/splits.csv, data/folds.csv. Does not depend on the heads, so a changed head
doesn't rerun it. A baseline needs no validation, so it is also trained on the validation images of the heads. Writes

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
    paths, classes = splits.table["path"], np.array(splits.classes)
    features = Features.load(Path("data/features"), len(paths))
    fits = []
    for scheme in HOLDOUTS:
        test = splits.rows(scheme, "test")
        fits.append((scheme, np.setdiff1d(np.arange(len(paths)), test), test))
    fits += [(CROSSVAL, one.train, one.test) for one in splits.rounds()]

    colors = color_histograms([Path("data/images", path) for path in paths])
    tables: dict[str, list[pd.DataFrame]] = {scheme: [] for scheme, _, _ in fits}
    for scheme, train, test in track(fits, "baseline", unit="fits"):
        predictions = baseline_predictions(splits.labels, colors, features.zooms, train, test)
        named = {name: classes[numbers] for name, numbers in predictions.items()}
        tables[scheme].append(pd.DataFrame({"path": paths.iloc[test], **named}, index=test))
    with replacing("data/baselines") as partial:
        partial.mkdir()
        Baselines({scheme: pd.concat(parts).sort_index() for scheme, parts in tables.items()}).save(partial)


if __name__ == "__main__":
    main()
