"""card: the model card of the blood backbone, pretraining/README.md, and the figure in it.

    python -m pretraining.card

Reads the files of the other stages of pretraining/dvc.yaml, and pretraining/params.yaml, which it shows unchanged.
"""

from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from wbc.common.errors import exit_on_user_error
from wbc.common.files import read_json, replacing, sha256
from wbc.plot import drawing
from wbc.pretraining.curves import pretraining_curves

BLOOD = Path("pretraining")
WEIGHTS = Path("pretraining/efficientnetb0.weights.h5")
METHODS = {
    "majority": "commonest class",
    "before": "logistic regression as before",
    "logistic_regression": "logistic regression",
    "head": "the study's head",
}
SCORED = {
    "within": "{name}, within it",
    "from_pbc": "{name}, fitted on PBC",
    "from_pbc_crops": "{name}, fitted on PBC and its crops",
}


@exit_on_user_error
def main() -> None:
    """Write the backbone's card."""
    history = pd.read_csv("pretraining/history.csv")
    training = read_json("pretraining/training.json")
    with replacing(Path("pretraining/figures")) as folder:
        folder.mkdir()
        drawing.save(pretraining_curves(history, training["best_epoch"]), folder / "curves.svg")

    measured = read_json("pretraining/results.json")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"score": score}
    card = environment.get_template("card.md.j2").render(
        source=read_json("pretraining/cells/source.json"),
        training=training,
        continued=read_json("pretraining/continued.json"),
        continued_epochs=len(pd.read_csv("pretraining/continued.csv")),
        history=history.to_dict("records"),
        measured=measured,
        ready=read_json("pretraining/classifier.json"),
        rows=rows(measured["results"]),
        weights={"bytes": WEIGHTS.stat().st_size, "sha256": sha256(WEIGHTS)},
        params=Path("pretraining/params.yaml").read_text(encoding="utf-8").strip(),
    )
    with replacing(Path("pretraining/README.md")) as partial:
        partial.write_text(card, encoding="utf-8", newline="\n")


def rows(results: dict[str, Any]) -> list[tuple[str, str, list[dict[str, Any]]]]:
    """Return the rows of the table of results: (what was scored, by what, [one backbone's scores, the other's])."""
    backbones = [results["blood"], results["imagenet_lite0"]]
    tests = [("PBC, test part", [scores["pbc_test"] for scores in backbones])]
    for name in results["blood"]["laboratories"]:
        places = [scores["laboratories"][name] for scores in backbones]
        tests += [
            (title.format(name=name), [place[way] for place in places])
            for way, title in SCORED.items()
            if way in places[0]
        ]
    return [
        (scored, METHODS[method], [scores[method] for scores in both])
        for scored, both in tests
        for method in METHODS
        if method in both[0]
    ]


def score(scores: dict[str, Any], name: str) -> str:
    """Return a score as text, with its range over the seeds where there are several."""
    values = [by_seed[name] for by_seed in scores.get("by_seed", {}).values()]
    text = f"{scores[name]:.3f}"
    return f"{text} ({min(values):.3f}–{max(values):.3f})" if len(values) > 1 else text


if __name__ == "__main__":
    main()
