"""train: heads on the precomputed features, one per split and several per fold of the cross-validation.

    python -m stages.train

Reads data/features/, data/splits.csv, data/folds.csv. Writes models/heads/, see `wbc.train.heads`.

Does not import TensorFlow. The arithmetic is exact (wbc/train/exact.py), so the heads are the same bytes on every CPU.
"""

from pathlib import Path
from typing import Any

from wbc.common import params
from wbc.common.errors import exit_on_user_error
from wbc.common.files import replacing
from wbc.common.progress import track
from wbc.embed.features import Features
from wbc.split.table import Splits
from wbc.train.heads import Heads
from wbc.train.jobs import crossval_jobs, holdout_jobs
from wbc.train.params import TrainParams
from wbc.train.side_by_side import Job, fit_side_by_side


@exit_on_user_error
def main() -> None:
    """Train the heads of all schemes."""
    settings = params.load("params.yaml", "train", TrainParams)
    splits = Splits.load(Path("data"))
    features = Features.load(Path("data/features"), len(splits.table))
    holdouts, folds = holdout_jobs(splits, settings), crossval_jobs(splits, settings)
    if not all(len(job.valid) for job in holdouts.values()):
        print("note: there are no validation images, so every epoch runs and the last one's weights stay")

    jobs: dict[Any, Job] = {**holdouts, **folds}
    fitting = fit_side_by_side(features.array, splits.labels, len(splits.classes), jobs)
    fits = dict(track(fitting, "train", total=len(jobs), unit="heads"))
    with replacing("models/heads") as partial:
        Heads.save(
            partial,
            splits.classes,
            {scheme: fits[scheme] for scheme in holdouts},
            {key: fits[key] for key in folds},
            features.facts["parameters"],
        )


if __name__ == "__main__":
    main()
