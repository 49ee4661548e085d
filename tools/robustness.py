"""Measure what stain, light, focus, compression, noise and cropping do to the score, each at five strengths.

    python -m tools.robustness                      # writes robustness/: table.csv, figure.svg and table.md

One image of each group is scored by the head of the cross-validation that has not learned from it, as it is and as it
is perturbed. Needs models/deployed/, data/images/, data/fetch.json and data/splits.csv; `--cells` limits how many groups of
each class take part.
"""

import argparse
import functools
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from wbc.common.errors import UserError, advise, exit_on_user_error
from wbc.common.files import read_json, replacing, write_csv
from wbc.common.images import decode
from wbc.common.progress import track
from wbc.common.tables import read_splits
from wbc.plot import drawing, figures
from wbc.plot.rendering import word
from wbc.predict.classifier import Classifier, Described
from wbc.predict.outputs import folder_to_write
from wbc.predict.perturbations import PERTURBATIONS, STRENGTHS
from wbc.predict.sources import Source
from wbc.train.head import heads_of_fold, mean_probabilities

RAW = Path("data/images")
TABLE, TEXT, FIGURE = "table.csv", "table.md", "figure.svg"


@exit_on_user_error
def main() -> None:
    """Score perturbed images, and write what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=20, help="groups of each class (default: %(default)s)")
    parser.add_argument("--model", type=Path, default=Path("models/deployed"), help="classifier (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=Path("robustness"), help="folder (default: %(default)s)")
    arguments = parser.parse_args()
    if arguments.cells < 1:
        raise UserError("`--cells` must be 1 or more.")

    output = folder_to_write(arguments.output, (TABLE, TEXT, FIGURE))
    splits, labels, _ = read_splits("data/splits.csv")
    with advise("`dvc repro` makes what is needed, `dvc pull` fetches it."):
        classifier = Classifier(arguments.model)
    if not all(name.startswith("fold_") for name in classifier.facts["heads"]):
        raise UserError(
            f"{arguments.model} has no heads that have not learned from some of the cells here. Name models/deployed."
        )
    firsts = splits.assign(number=labels).drop_duplicates("group")  # the first image of each group
    chosen = firsts.groupby("number", sort=False).head(arguments.cells)
    kinds = [("none", 0), *((kind, strength) for kind in PERTURBATIONS for strength in STRENGTHS)]
    total = len(kinds) * len(chosen)
    described = track(classifier.describe(perturbed(chosen["path"].tolist(), kinds)), "describe", total=total)
    features = np.stack([features_of(image) for image in described]).reshape(len(kinds), len(chosen), -1)

    predicted = np.empty((len(kinds), len(chosen)), int)
    for fold in np.unique(chosen["fold"]):
        of_fold = (chosen["fold"] == fold).to_numpy()
        heads = heads_of_fold(arguments.model, fold)
        for number in range(len(kinds)):
            predicted[number, of_fold] = mean_probabilities(heads, features[number, of_fold]).argmax(axis=1)
    table = scores(predicted == chosen["number"].to_numpy(), chosen["number"].to_numpy(), kinds)
    with replacing(output) as folder:
        folder.mkdir(parents=True)
        write_csv(folder / TABLE, table)
        text = markdown(table, len(chosen))
        (folder / TEXT).write_text(text, encoding="utf-8", newline="\n")
        note = word("SYNTHETIC") if read_json("data/fetch.json")["synthetic"] else ""
        figure = figures.robustness(table, "Balanced accuracy under perturbation", note)
        drawing.save(figure, folder / FIGURE)
    print(text)


def features_of(image: Described) -> npt.NDArray[np.float16]:
    """Return the features of an image.

    Raises:
        UserError: it can't be read, or is too small to be perturbed.
    """
    if image.features is None:
        raise UserError(f"{RAW}/{image.source.name}: {image.error}.")
    return image.features


def perturbed(paths: list[str], kinds: list[tuple[str, int]]) -> Iterator[Source]:
    """Yield every image under every perturbation, kind by kind."""
    for kind, strength in kinds:
        for path in paths:
            yield Source(f"{path}, {kind} {strength}", ".png", functools.partial(encoded, path, kind, strength))


def encoded(path: str, kind: str, strength: int) -> bytes:
    """Return a perturbed image as the bytes of a PNG."""
    pixels, _ = decode(RAW / path)
    file = io.BytesIO()
    Image.fromarray(PERTURBATIONS[kind](pixels, strength) if strength else pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


def scores(is_right: np.ndarray, labels: np.ndarray, kinds: list[tuple[str, int]]) -> pd.DataFrame:
    """Return the balanced accuracy under each perturbation, and without any as strength 0 of each.

    Args:
        is_right: bool array (kinds, images).
        labels: class number of each image.
        kinds: names and strengths, the first without a perturbation.
    """
    recalls = [is_right[:, labels == number].mean(axis=1) for number in np.unique(labels)]
    balanced = np.mean(recalls, axis=0)
    rows = [(kind, 0, balanced[0]) for kind in PERTURBATIONS]
    rows += [(kind, strength, value) for (kind, strength), value in zip(kinds[1:], balanced[1:], strict=True)]
    return pd.DataFrame(rows, columns=["perturbation", "strength", "balanced_accuracy"]).round(4)


def markdown(table: pd.DataFrame, images: int) -> str:
    """Return the table for a Markdown page."""
    wide = table.pivot(index="perturbation", columns="strength", values="balanced_accuracy").loc[list(PERTURBATIONS)]
    lines = [
        f"Balanced accuracy of {images:,} images, one per group, each scored by heads that have not learned from it.",
        "",
        "| perturbation | none | " + " | ".join(map(str, STRENGTHS)) + " |",
        "| --- |" + " ---: |" * (1 + len(STRENGTHS)),
    ]
    lines += [f"| {kind} | " + " | ".join(f"{value:.2f}" for value in row) + " |" for kind, row in wide.iterrows()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
