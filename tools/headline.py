"""Printout of the report's scores in a few lines, and of its address: `python -m tools.headline`."""

from pathlib import Path

from wbc.common.errors import exit_on_user_error
from wbc.common.files import read_json
from wbc.evaluate.results import Details
from wbc.plot.comparison import against_baselines, estimate, titles
from wbc.plot.rendering import word

REPORTS = Path("reports")
COLUMNS = {"balanced accuracy": "balanced_accuracy", "accuracy": "accuracy"}


@exit_on_user_error
def main() -> None:
    """Print the scores, with each group counting once, and the address of the report."""
    split = Details.load(REPORTS / "details.json").split
    unit = "cell" if split["level"] == "photograph" else split["level"]
    names = titles(unit, split["own_parts"])
    metrics = {scheme: read_json(REPORTS / scheme / "metrics.json") for scheme in names}
    print(f"\n{f'each {unit} counts once':<25}" + "".join(f"{name:>20}" for name in COLUMNS))
    for scheme, name in names.items():
        scores = [word("plain", estimate(metrics[scheme], "cells", key)) for key in COLUMNS.values()]
        print(f"{name:<25}" + "".join(f"{score:>20}" for score in scores))
    level = metrics["crossval"]["intervals"]["confidence_level"]
    print(f"\nRecommended estimate: {names['crossval']}. In brackets: {100 * level:.4g} % intervals.")
    for found in against_baselines(metrics["crossval"]):
        if not found.better:
            print(word("verdict", found))
    if metrics["crossval"]["synthetic"]:
        print(f"{word('SYNTHETIC')}.")
    print(f"\nReport: {(REPORTS / 'README.md').resolve()}\nIn a browser: {(REPORTS / 'index.html').resolve().as_uri()}")


if __name__ == "__main__":
    main()
