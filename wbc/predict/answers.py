"""Files of predictions: a table, a JSON list, or a JSON object per line."""

import csv
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TextIO

from wbc.predict.predictions import Prediction, row_of

if TYPE_CHECKING:
    import pandas as pd

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # spreadsheets run a cell with such a beginning


def safe_cell(value: Any) -> Any:
    """Return a value that is safe in a table: a text that a spreadsheet would run gets an apostrophe in front.

    >>> safe_cell("=1+1.png"), safe_cell(-1.5)
    ("'=1+1.png", -1.5)
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def safe_table(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return a table whose cells and column names are all `safe_cell`."""
    return table.map(safe_cell).rename(columns=safe_cell)


def write_csv(predictions: Iterator[Prediction], classes: list[str], file: TextIO) -> Iterator[Prediction]:
    """Write each prediction as a row of a CSV, and yield it."""
    writer: csv.DictWriter | None = None
    for prediction in predictions:
        row = row_of(prediction, classes)
        row |= {name: " | ".join(row[name]) for name in ("prediction_set", "converted")}
        row |= {name: {None: "", True: "yes", False: "no"}[row[name]] for name in ("abstains", "overlap")}
        row = {safe_cell(name): safe_cell(value) for name, value in row.items()}
        if writer is None:
            writer = csv.DictWriter(file, row, lineterminator="\n")
            writer.writeheader()
        writer.writerow(row)
        yield prediction


def write_json_lines(predictions: Iterator[Prediction], classes: list[str], file: TextIO) -> Iterator[Prediction]:
    """Write each prediction as a JSON object on a line of its own (https://jsonlines.org), and yield it."""
    for prediction in predictions:
        file.write(as_json(prediction, classes) + "\n")
        yield prediction


def write_json(predictions: Iterator[Prediction], classes: list[str], file: TextIO) -> Iterator[Prediction]:
    """Write one JSON list with an object per prediction, and yield each prediction once it is written."""
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
