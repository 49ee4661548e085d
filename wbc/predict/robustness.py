"""Scores under perturbations of the images: stain, light, focus, compression, noise and cropping."""

import functools
import io
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from wbc.common.errors import UserError
from wbc.common.progress import track
from wbc.predict.classifier import Classifier
from wbc.predict.labelled import LabelledImages
from wbc.predict.perturbations import PERTURBATIONS, STRENGTHS
from wbc.predict.sources import Source
from wbc.train.head import Head, load_head, mean_probabilities

KINDS = [("none", 0), *((kind, strength) for kind in PERTURBATIONS for strength in STRENGTHS)]


def choose(images: LabelledImages, classes: Mapping[str, str], cells: int, splits: str | None) -> pd.DataFrame:
    """Return the first images of each class: a table with the columns source, path, label, and fold with `splits`.

    Args:
        images: labelled.
        classes: {folder: class of the classifier}.
        cells: most images of a class.
        splits: path of a CSV with the columns path, group and fold; then only the first image of each group is used.

    Raises:
        UserError: `splits` can't be read, or names none of the images.
    """
    labels = [classes[label] for label in images.labels]
    table = pd.DataFrame({"source": images.sources, "label": labels})
    table = table.assign(path=[source.name for source in images.sources])
    if splits:
        try:
            table = table.merge(pd.read_csv(splits)[["path", "group", "fold"]], on="path").drop_duplicates("group")
        except (ValueError, KeyError) as error:
            raise UserError(f"`--splits`: expected the columns path, group and fold in {splits}; {error}.") from None
        if table.empty:
            raise UserError(f"`--splits`: {splits} names none of the images, such as {images.sources[0].name}.")
    return table.groupby("label", sort=False).head(cells)


def balanced_accuracies(
    classifier: Classifier,
    sources: Sequence[Source],
    numbers: npt.NDArray[np.integer],
    folds: npt.NDArray[np.integer] | None = None,
) -> pd.DataFrame:
    """Return the balanced accuracy under each perturbation and strength; strength 0 is the unperturbed image.

    Args:
        classifier: to be scored.
        sources: the images.
        numbers: class number of each.
        folds: fold of each in the classifier's cross-validation; the heads trained without that fold score it. None
            if no head was trained on these images.

    Returns:
        table with the columns perturbation, strength, balanced_accuracy.

    Raises:
        UserError: an image can't be read; or the classifier has no heads of a fold in `folds`.
    """
    total = len(KINDS) * len(sources)
    described = track(classifier.describe(_perturbed(classifier, sources)), "describe", total=total)
    features = []
    for image in described:
        if image.features is None:
            raise UserError(f"{image.source.name}: {image.error}.")
        features.append(image.features)
    rows = np.stack(features).reshape(len(KINDS), len(sources), -1)
    predicted = np.empty(rows.shape[:2], int)
    for fold in np.unique(folds) if folds is not None else [None]:
        chosen = np.flatnonzero(folds == fold) if folds is not None else np.arange(len(sources))
        heads = classifier.heads if fold is None else _heads_of_fold(classifier, int(fold))
        for kind in range(len(KINDS)):
            predicted[kind, chosen] = mean_probabilities(heads, rows[kind, chosen]).argmax(axis=1)
    return _table(predicted == numbers, numbers)


def _heads_of_fold(classifier: Classifier, fold: int) -> list[Head]:
    files = sorted(classifier.folder.glob(f"fold_{fold}_*.npz"))
    if not files:
        raise UserError(
            f"{classifier.folder} has no heads of fold {fold}, so none that wasn't trained on some of these images."
        )
    return [load_head(file) for file in files]


def _perturbed(classifier: Classifier, sources: Sequence[Source]) -> Iterator[Source]:
    """Yield every image under every perturbation, kind by kind."""
    for kind, strength in KINDS:
        for source in sources:
            read = functools.partial(_encoded, classifier, source, kind, strength)
            yield Source(f"{source.name} ({kind} {strength})", ".png", read)


def _encoded(classifier: Classifier, source: Source, kind: str, strength: int) -> bytes:
    """Return a perturbed image as the bytes of a PNG."""
    pixels, error, _ = classifier.cropped(1.0).look(source)  # uncropped, because `describe` crops the perturbed image
    if pixels is None:
        raise ValueError(error)
    file = io.BytesIO()
    Image.fromarray(PERTURBATIONS[kind](pixels, strength) if strength else pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


def _table(is_right: npt.NDArray[np.bool_], numbers: npt.NDArray[np.integer]) -> pd.DataFrame:
    """Return the balanced accuracy of each kind and strength; `is_right` is of shape (kinds, images)."""
    balanced = np.mean([is_right[:, numbers == number].mean(axis=1) for number in np.unique(numbers)], axis=0)
    rows = [(kind, 0, balanced[0]) for kind in PERTURBATIONS]
    rows += [(kind, strength, value) for (kind, strength), value in zip(KINDS[1:], balanced[1:], strict=True)]
    return pd.DataFrame(rows, columns=["perturbation", "strength", "balanced_accuracy"]).round(4)


def markdown(table: pd.DataFrame, images: int) -> str:
    """Return the table for a Markdown page."""
    wide = table.pivot(index="perturbation", columns="strength", values="balanced_accuracy").loc[list(PERTURBATIONS)]
    lines = [
        f"Balanced accuracy of {images:,} images.",
        "",
        "| perturbation | none | " + " | ".join(map(str, STRENGTHS)) + " |",
        "| --- |" + " ---: |" * (1 + len(STRENGTHS)),
    ]
    lines += [f"| {kind} | " + " | ".join(f"{value:.2f}" for value in row) + " |" for kind, row in wide.iterrows()]
    return "\n".join(lines) + "\n"
