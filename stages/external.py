"""external: scores of the deployed classifier on the images of another laboratory.

    python -m stages.external NAME

Runs once for each data set in the section `external` of params.yaml, so that adding one runs only that one. Its images
are used for nothing else. Reads the data set's archive, models/deployed/ and the cross-validated scores of the own
images. Writes reports/external/NAME/:

    metrics.json       scores with intervals, calibration, coverage, and abstention on unknown classes
    predictions.csv    a row per image
    README.md          the same, compared with the cross-validated scores
"""

import sys
from pathlib import Path

from wbc.common import params
from wbc.common.errors import UserError, advise, exit_on_user_error
from wbc.common.files import read_json, replacing, write_csv, write_json
from wbc.evaluate.params import IntervalParams
from wbc.evaluate.results import Result
from wbc.plot.rendering import render
from wbc.predict import concerns, external
from wbc.predict.classifier import Classifier
from wbc.predict.params import ExternalParams
from wbc.split.given import where_given

REPORTS, GIVEN = Path("reports"), Path("data/given")
ADVICE = "Put that right in section `external` of params.yaml, or take the data set out there; then type `dvc repro`."


@exit_on_user_error
def main() -> None:
    """Score the deployed classifier on the data set that the command line names."""
    sites = params.load("params.yaml", "external", ExternalParams).root
    intervals = params.load("params.yaml", "intervals", IntervalParams)
    if len(sys.argv) != 2 or sys.argv[1] not in sites:
        raise UserError(f"Which data set? Type python -m stages.external NAME, NAME one of: {', '.join(sites)}.")
    name = sys.argv[1]
    settings = sites[name]
    with advise(ADVICE):
        if settings.groups:
            settings = settings.model_copy(update={"groups": where_given(settings.groups, GIVEN)})
        classifier = Classifier(Path("models/deployed"), settings.crop)
        site = external.predict_site(classifier, settings)
        content = external.score(site, intervals)
    content["unreadable"] = [{"path": path, "reason": reason} for path, reason in site.bad]
    content["concerns"] = [
        *concerns.of_predictions(classifier, site.predictions),
        *concerns.of_scores(classifier, site.labels, site.predictions),
    ]
    home = {
        "metrics": Result.load(REPORTS / "crossval").metrics,
        "deployed": read_json(REPORTS / "deployed/calibration.json"),
    }
    with replacing(REPORTS / "external" / name) as folder:
        folder.mkdir(parents=True)
        write_json(folder / "metrics.json", content)
        write_csv(folder / "predictions.csv", external.table(site))
        text = render("external.md.j2", name=name, site=sites[name], content=content, home=home)
        (folder / "README.md").write_text(text, encoding="utf-8", newline="\n")
    there, here = content["known"]["balanced_accuracy"], home["metrics"]["cells"]["balanced_accuracy"]
    print(f"{name}: balanced accuracy {there:.3f} on {content['images']:,} images of known classes, {here:.3f} at home")
    for line in filter(None, [site.note, *content["concerns"]]):
        print(line)


if __name__ == "__main__":
    main()
