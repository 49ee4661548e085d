"""Score a classifier on labelled images that it has not learned from, before it is used on others like them.

    python -m tools.score labelled/ --model models/pretrained        # a folder (or zip) with a folder for each class
    python -m tools.score labelled/ --groups '(?P<patient>P[0-9]+)_.*' --output answers.csv

It says what the stage `external` says of data sets that params.yaml names, of any classifier and without a pipeline
that has run: accuracy with intervals, calibration, prediction sets, abstention, and each class.
"""

import argparse
from typing import Any

from stages import external
from tools.predict import share
from wbc.common.errors import advise, exit_on_user_error
from wbc.common.files import write_csv
from wbc.evaluate.intervals import IntervalParams
from wbc.export.framing import framing_note
from wbc.predict.classifier import Classifier
from wbc.predict.outputs import file_to_write

INTERVALS = IntervalParams(confidence_level=0.95, n_resamples=1000, seed=1)


@exit_on_user_error
def main() -> None:
    """Score what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labelled", help="a folder or zip of images, a folder for each class")
    parser.add_argument("--model", default="models/deployed", help="folder of the classifier (default: %(default)s)")
    parser.add_argument("--crop", type=share, default=1.0, help="share of each side that is looked at, in the middle")
    parser.add_argument("--groups", help="images that belong together: a pattern, or a CSV in data/given/")
    parser.add_argument("--output", help="also write what was said of each image, as a .csv")
    arguments = parser.parse_args()
    output = arguments.output and file_to_write(arguments.output, (".csv",))
    with advise(
        "`--model` names the classifier's folder: `make pretrained` makes models/pretrained, `dvc repro` models/deployed."
    ):
        classifier = Classifier(arguments.model, arguments.crop)
    site = external.SiteParams(archive=arguments.labelled, crop=arguments.crop, groups=arguments.groups)
    labels, predictions, bad = external.predict(classifier, site)
    groups, level = external.groups_of(site, predictions)
    scored = external.score(classifier, labels, predictions, groups, INTERVALS)
    if output:
        write_csv(output, external.table(labels, predictions, classifier.decision.classes))
    print("\n".join(lines(scored, level, classifier)))
    shares = [prediction.filled for prediction in predictions]
    if note := framing_note(shares, classifier.foreground, classifier.crop):
        print(f"note: {note}")
    if bad:
        print(f"left out, because they can't be used: {len(bad):,} files, such as {bad[0][0]} ({bad[0][1]})")


def lines(scored: dict[str, Any], level: str, classifier: Classifier) -> list[str]:
    """Return what is printed.

    Args:
        scored: what `external.score` returned.
        level: what a group is; "image" where none is given.
        classifier: that was scored.
    """
    use, asked = scored["use"], classifier.decision.coverage
    facts = {}
    for name, key in (("balanced accuracy", "balanced_accuracy"), ("accuracy", "accuracy")):
        interval = scored["intervals"][key]
        facts[name] = f"{scored['known'][key]:.3f} ({interval['low']:.3f}-{interval['high']:.3f})"
    facts["expected calibration error"] = f"{use['ece']:.3f}"
    facts[f"sets that hold the true class, {asked:.0%} asked"] = f"{use['coverage']:.1%}"
    facts["classes in a set, mean"] = f"{use['set_size']:.2f}"
    facts["called unlike all known images"] = f"{use['unlike']:.1%}"
    facts["answered"] = f"{use['answered']:.1%}"
    if use["answered"]:
        facts["accuracy where answered"] = f"{use['accuracy_answered']:.3f}"
    found = [f"{scored['images']:,} images, {scored['groups']:,} groups; the intervals are by {level}"]
    found += [f"{name:42} {fact}" for name, fact in facts.items()]
    found += ["", f"{'class':30} {'images':>7} {'recall':>7} {'precision':>9}"]
    for name, row in scored["known"]["per_class"].items():
        scores = (f"{row[key]:.3f}" if row.get(key) is not None else "-" for key in ("recall", "precision"))
        found.append("{:30} {:7,} {:>7} {:>9}".format(name, row["support"], *scores))
    for name, row in scored["unknown"].items():
        said = f"no class of the classifier's; it abstained from {row['abstained']:.0%}"
        found.append(f"{name:30} {row['images']:7,} {said}")
    return [*found, classifier.caution] if classifier.caution else found


if __name__ == "__main__":
    main()
