"""calibrate: when the classifier that is shipped for use may answer, fitted on the cross-validation's predictions.

    python -m stages.calibrate

Reads the features, the splits and the cross-validation's heads. The classifier for use is the mean of those heads:
every cell taught it, and each cell was scored by a head that had not seen it, so what is fitted here is honest. No
TensorFlow has a part in it, and the arithmetic is exact. Writes

    models/decision.json        temperature, thresholds, class names
    models/reference.npz        features of the known images, to tell what is unlike them
    reports/use.json            calibration before and after, coverage and size of the prediction sets, accuracy where
                                the classifier answers, each group counting once
    reports/reliability.csv     the bins of the reliability diagram, calibrated
    reports/strangers.json      {kind: {"images", "abstained", "unlike": shares of them}}: what it says of pictures that
                                show no white cell (see `wbc.export.negatives`); to abstain is right
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from wbc.common import params
from wbc.common.errors import advise, exit_on_user_error
from wbc.common.files import replacing, write_csv, write_json
from wbc.common.tables import open_zooms, read_splits
from wbc.evaluate.metrics import cell_weights, rounded
from wbc.export import calibration, decision
from wbc.export import ood as novelty
from wbc.export.appraisal import appraise
from wbc.split.schemes import CROSSVAL
from wbc.train.head import Head, load_head, mean_probabilities, out_of_fold


@exit_on_user_error
def main() -> None:
    """Fit when the classifier for use may answer, and measure what that is worth."""
    settings = params.load("params.yaml", "use", decision.UseParams)
    splits, labels, classes = read_splits("data/splits.csv")
    with advise("Type `dvc repro`."):
        features = open_zooms(Path("data/features/features.npy"), Path("data/features/features.json"), len(splits))
    groups, folds = splits["group"].to_numpy(), splits["fold"].to_numpy()
    uncalibrated = out_of_fold(Path("models", CROSSVAL), features[:, 0], folds, len(classes))
    weights = cell_weights(groups)
    fitted, distances = decision.fit(features, uncalibrated, labels, groups, folds, classes, weights, settings)
    write_json("models/decision.json", decision.to_json(fitted))
    with replacing("models/reference.npz") as partial:
        decision.save_reference(novelty.reference(features), partial)

    heads = [load_head(path) for path in sorted(Path("models", CROSSVAL).glob("fold_*.npz"))]
    # As it was written, in the precision that is shipped: what is said of strangers is what `tools.predict` would say.
    known = decision.load_reference(Path("models/reference.npz"))
    with np.load("data/features/strangers.npz", allow_pickle=False) as kinds:
        said = {kind: abstentions(fitted, known, heads, kinds[kind]) for kind in kinds.files}
    write_json("reports/strangers.json", said)

    answers = decision.answer(fitted, uncalibrated, distances)
    measured = appraise(answers, labels, weights)
    bins = calibration.reliability(labels, answers.probabilities, weights)
    bins_before = calibration.reliability(labels, uncalibrated, weights)
    before = {
        "ece": calibration.expected_calibration_error(bins_before),
        "log_loss": calibration.log_loss(labels, uncalibrated, weights),
    }
    content = rounded(
        {
            "temperature": fitted.temperature,
            "set_threshold": fitted.set_threshold,
            "distance_threshold": fitted.distance_threshold,
            "coverage_asked": fitted.coverage,
            **measured,
            **{name: {"before": value, "after": measured[name]} for name, value in before.items()},
        }
    )
    write_json("reports/use.json", content)
    write_csv(Path("reports/reliability.csv"), pd.DataFrame(map(rounded, bins)))
    print(
        f"temperature {fitted.temperature:g}: expected calibration error {content['ece']['before']:.3f} before, "
        f"{content['ece']['after']:.3f} after\n"
        f"sets at {fitted.coverage:.0%}: {content['coverage']:.1%} hold the true class, "
        f"{content['set_size']:.2f} classes each\n"
        f"answers {content['answered']:.1%} of the images"
        + (f", {content['accuracy_answered']:.1%} of them correctly" if content["answered"] else "")
        + f" ({content['accuracy']:.1%} of all)"
    )


def abstentions(
    fitted: decision.Decision, known: novelty.Reference, heads: list[Head], features: npt.NDArray
) -> dict[str, float]:
    """Return of how many pictures, and from what share of them, the classifier for use abstains."""
    distances = known.distances(features, fitted.neighbors)
    reasons = decision.answer(fitted, mean_probabilities(heads, features), distances).reasons
    count = len(reasons)
    return {
        "images": count,
        "abstained": sum(reason != "" for reason in reasons) / count,
        "unlike": sum(reason == decision.UNLIKE for reason in reasons) / count,
    }


if __name__ == "__main__":
    main()
