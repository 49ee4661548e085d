"""The misclassified images, and the examples of them that the report shows."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

IN_SQUARE = 4  # images shown per square of the confusion matrix, each of another group


def wrong(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the misclassified rows of predictions.csv, the most confident first, with their `probability`."""
    rows = predictions[predictions["label"] != predictions["predicted"]]
    probability = [row[f"p_{row['predicted']}"] for _, row in rows.iterrows()]
    # Ties are broken by path, so that the order never depends on the order of the file.
    return rows.assign(probability=probability).sort_values(["probability", "path"], ascending=[False, True])


def one_per_group(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the most confident mistake of each group, in the order of `wrong`."""
    return wrong(predictions).drop_duplicates("group")


def confusion_squares(predictions: pd.DataFrame, classes: Sequence[str], pictures: bool = True) -> list[dict[str, Any]]:
    """Return the confusion matrix with examples, a list of rows: one per true class, with a square per predicted one.

    Args:
        predictions: data frame of predictions.csv.
        classes: class names in the order of rows and columns.
        pictures: whether to return examples.

    Returns:
        [{"label", "images", "groups": scored ones of the class, "squares": [{"predicted", "images", "groups", "share":
        of the true class, 0-1, or None, "examples": [{"path", "probability": of the predicted class}]}]}]. Examples of
        mistakes are the most confident ones, of correct predictions the least confident.
    """
    rows = []
    for label in classes:
        of_class = predictions[predictions["label"] == label]
        squares = []
        for called in classes:
            named = of_class[of_class["predicted"] == called]
            named = named.assign(probability=named[f"p_{called}"])
            named = named.sort_values(["probability", "path"], ascending=[called == label, True])
            shown = named.drop_duplicates("group").head(IN_SQUARE if pictures else 0)
            squares.append(
                {
                    "predicted": called,
                    "images": len(named),
                    "groups": named["group"].nunique(),
                    "share": len(named) / len(of_class) if len(of_class) else None,
                    "examples": shown[["path", "probability"]].to_dict("records"),
                }
            )
        rows.append(
            {"label": label, "images": len(of_class), "groups": of_class["group"].nunique(), "squares": squares}
        )
    return rows
