"""The result of a run in a few lines, and where its report is: `python -m tools.headline`."""

from pathlib import Path

from wbc.common import params
from wbc.common.errors import exit_on_user_error
from wbc.plot.comparison import against_baselines, averages, titles
from wbc.plot.params import ReportParams
from wbc.plot.results import Run

REPORTS = Path("reports")
NAMES = {"balanced_accuracy": "balanced accuracy", "accuracy": "accuracy"}
BASELINES = {
    "logistic_regression": "logistic regression on the same features",
    "color_histogram": "the color histogram",
}


@exit_on_user_error
def main() -> None:
    """Print the recommended estimate, what it is worth, and the two paths."""
    run = Run.load(Path("data"), Path("models"), REPORTS)
    unit = run.unit(params.load("params.yaml", "report", ReportParams).unit)
    rows = [row for row in averages(run.metrics) if row.key in NAMES]
    print(f"\n{f'each {unit} counts once':<25}" + "".join(f"{NAMES[row.key]:>22}" for row in rows))
    for scheme, title in titles(unit, run.split["own_parts"]).items():
        print(f"{title:<25}" + "".join(f"{row.scores[scheme]!s:>22}" for row in rows))
    level = run.metrics["crossval"]["intervals"]["confidence_level"]
    print(f"\nThe first row is the recommended estimate, with {100 * level:.4g} % intervals.")
    for verdict in against_baselines(run.metrics["crossval"]):
        if not verdict.better:
            print(
                f"It is {'worse' if verdict.worse else 'no better'} than {BASELINES[verdict.baseline]}: "
                f"{verdict.theirs:.2f}."
            )
    if run.fetch["synthetic"]:
        print("The cells are drawn: these scores say nothing about blood.")
    print(
        f"\nreport:        {(REPORTS / 'README.md').resolve()}\n"
        f"in a browser:  {(REPORTS / 'index.html').resolve().as_uri()}"
    )


if __name__ == "__main__":
    main()
