"""evaluate: scores of the heads on held-out images, split by file, split by group, and cross-validated.

    python -m stages.evaluate

Writes

    reports/metrics.json       the headline, about ten numbers: the only file in `dvc metrics`
    reports/<scheme>/          metrics.json, predictions.csv, roc.csv and pr.csv; see `wbc.evaluate.results.Result`
    reports/details.json       facts on the images, and scores of the near-duplicate search
    reports/label_errors.csv   labels that the cross-validation contradicts, the least likely first

where <scheme> is image, grouped or crossval. Does not import TensorFlow: probabilities are computed from the stored
features and weights in exact arithmetic. The stage `export` checks that the deployed files give the same ones.
"""

from pathlib import Path

from wbc.common import params
from wbc.common.errors import advise, exit_on_user_error
from wbc.common.files import read_json, write_csv, write_json
from wbc.common.progress import track
from wbc.embed.features import Features
from wbc.embed.weights import BLOOD_SHA256
from wbc.evaluate.headline import headline
from wbc.evaluate.held_out import find_label_errors, held_out
from wbc.evaluate.params import IntervalParams
from wbc.evaluate.results import Details, Result
from wbc.evaluate.scoring import describe, without_overlap
from wbc.evaluate.truth import compare_with_truth
from wbc.fetch.manifest import Truth
from wbc.fetch.record import FetchRecord
from wbc.split.schemes import CROSSVAL, SCHEMES
from wbc.split.table import Splits
from wbc.train.baselines import Baselines
from wbc.train.heads import Heads

DATA, REPORTS = Path("data"), Path("reports")


@exit_on_user_error
def main() -> None:
    """Score every head on images that it was not trained on."""
    settings = params.load("params.yaml", "intervals", IntervalParams)
    splits, heads = Splits.load(DATA), Heads.load(Path("models/heads"))
    features = Features.load(DATA / "features", len(splits.table))
    baselines = Baselines.load(DATA / "baselines")
    synthetic = int(FetchRecord.load(DATA).synthetic)
    split, known_cells = read_json(DATA / "split.json"), Truth.load(DATA).table
    with advise("Type `dvc repro`."):
        details = Details(split, compare_with_truth(splits, known_cells))
    details.save(REPORTS / "details.json")
    metrics = {}
    for scheme in track(SCHEMES, "evaluate", unit="schemes"):
        scored = held_out(scheme, heads, features, splits)
        images, labels = splits.table.iloc[scored.rows], splits.labels[scored.rows]
        guesses = baselines.predictions(scheme, images["path"].tolist(), splits.classes)
        groups = images["group"].to_numpy()
        described = describe(labels, scored.probabilities, groups, splits.classes, guesses, settings)
        facts = {"synthetic": synthetic} | described | scored.counts
        if scheme == CROSSVAL:
            table, facts["label_errors"] = find_label_errors(splits, scored.probabilities)
            write_csv(REPORTS / "label_errors.csv", table)
            overlap = images["path"].isin(split["overlap"]["paths"]).to_numpy()
            if features.facts["weights_file_sha256"] == BLOOD_SHA256 and overlap.any():
                found = without_overlap(
                    labels, scored.probabilities, groups, splits.classes, overlap, settings, each_group=True
                )
                facts["overlap"] = found
        columns = ["path", "label", "group", *(["fold"] if scheme == CROSSVAL else [])]
        result = Result.of(facts, images[columns], labels, scored.probabilities, splits.classes)
        result.save(REPORTS / scheme)
        metrics[scheme] = result.metrics
    numbers = headline(metrics, details)
    write_json(REPORTS / "metrics.json", numbers)
    interval = f" ({numbers['low']:.3f}-{numbers['high']:.3f})" if "low" in numbers else ""
    print(f"balanced accuracy, cross-validated by group: {numbers['bacc']:.3f}{interval}")


if __name__ == "__main__":
    main()
