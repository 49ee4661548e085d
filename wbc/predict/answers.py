"""What is written of predicted images: a table, a JSON list, or a JSON object per line."""

import csv
import json
from collections.abc import Iterator
from typing import Any, TextIO

from wbc.predict.classifier import Prediction

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a cell of a table that starts so is run by spreadsheets


def row_of(prediction: Prediction, classes: list[str]) -> dict[str, Any]:
    """Return what is written of one image."""
    probabilities: list[float | None] = [*prediction.probabilities] or [None] * len(classes)
    return {
        "path": prediction.path,
        "class": prediction.label,
        **{f"p_{name}": value for name, value in zip(classes, probabilities, strict=True)},
        "set": prediction.members,
        "abstained": bool(prediction.reason),
        "why": prediction.reason,
        "distance": None if prediction.error else prediction.distance,
        "error": prediction.error,
    }


def write_csv(predictions: Iterator[Prediction], classes: list[str], file: TextIO) -> Iterator[Prediction]:
    """Write a row per prediction, at once, and pass it on."""
    writer: csv.DictWriter | None = None
    for prediction in predictions:
        row = row_of(prediction, classes)
        row |= {"set": " | ".join(row["set"]), "abstained": "yes" if row["abstained"] else "no"}
        if prediction.error:
            row["abstained"] = ""
        row = {name: f"'{value}" if str(value).startswith(FORMULA) else value for name, value in row.items()}
        if writer is None:
            writer = csv.DictWriter(file, row, lineterminator="\n")
            writer.writeheader()
        writer.writerow(row)
        yield prediction


def write_json_lines(predictions: Iterator[Prediction], classes: list[str], file: TextIO) -> Iterator[Prediction]:
    """Write a JSON object per prediction, one per line (https://jsonlines.org), and pass it on."""
    for prediction in predictions:
        file.write(as_json(prediction, classes) + "\n")
        yield prediction


def write_json(predictions: Iterator[Prediction], classes: list[str], file: TextIO) -> Iterator[Prediction]:
    """Write one JSON list with an object per prediction, each at once, and pass the predictions on."""
    before = "[\n"
    for prediction in predictions:
        file.write(before + as_json(prediction, classes))
        before = ",\n"
        yield prediction
    file.write("\n]\n")


def as_json(prediction: Prediction, classes: list[str]) -> str:
    """Return a prediction as a JSON object in one line."""
    return json.dumps(row_of(prediction, classes), ensure_ascii=False, allow_nan=False)


WRITERS = {".csv": write_csv, ".json": write_json, ".jsonl": write_json_lines}
