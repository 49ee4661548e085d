"""Print what the report says in a few lines, and where it is: `python -m tools.headline`."""

from pathlib import Path

from wbc.common.errors import exit_on_user_error
from wbc.common.files import read_json
from wbc.plot.comparison import against_baselines, estimate, titles, unit_of

COLUMNS = [("balanced accuracy", "balanced_accuracy"), ("accuracy", "accuracy")]  # each cell counting once


@exit_on_user_error
def main() -> None:
    """Print the headline and where the report is."""
    audit = read_json("reports/audit.json")
    names, unit = titles(audit), unit_of(audit)
    metrics = {protocol: read_json(Path("reports", protocol, "metrics.json")) for protocol in names}
    print(f"\n{f'each {unit} counting once':<25}" + "".join(f"{name:>20}" for name, _ in COLUMNS))
    for protocol, name in names.items():  # the one to believe first
        scores = [str(estimate(metrics[protocol], "cells", key)) for _, key in COLUMNS]
        print(f"{name:<25}" + "".join(f"{score:>20}" for score in scores))
    print(
        f"\nThe number to believe is the first: {names['crossval']}. In brackets "
        f"{100 * metrics['crossval']['intervals']['confidence_level']:.4g} % intervals."
    )
    for better, sentence in against_baselines(metrics["crossval"], unit):
        if not better:
            print(sentence)
    if any(values["synthetic"] for values in metrics.values()):
        print("These are drawn cells: the figures say that the pipeline works, nothing about blood.")
    print(
        f"\nThe report: {Path('reports/README.md').resolve()}\nFor a browser: "
        f"{Path('reports/index.html').resolve().as_uri()}"
    )


if __name__ == "__main__":
    main()
