"""Tables of predictions that a spreadsheet opens without running a cell."""

import csv
import io

import pandas as pd
import pytest

from wbc.predict.answers import FORMULA, safe_cell, safe_table, write_csv
from wbc.predict.predictions import Prediction


@pytest.mark.parametrize("start", FORMULA)
def test_every_text_that_a_spreadsheet_would_run_is_quoted(start):
    text = f"{start}HYPERLINK(1)"
    assert safe_cell(text) == f"'{text}"
    table = safe_table(pd.DataFrame({text: [text, "fine"], "p": [-0.5, 0.5]}))
    assert table.to_dict("list") == {f"'{text}": [f"'{text}", "fine"], "p": [-0.5, 0.5]}


@pytest.mark.parametrize("start", "=+-@\t")
def test_so_is_every_cell_of_the_table_of_predictions(start):
    text, file = f"{start}HYPERLINK(1)", io.StringIO()
    predictions = [Prediction(text, text, [0.5, 0.5], [text], 0.1, text, "", 0.1, (text,))]
    assert [*write_csv(iter(predictions), [text, "b"], file)] == predictions
    (row,) = csv.DictReader(io.StringIO(file.getvalue()))
    cells = [cell for cell in [*row, *row.values()] if cell.startswith(FORMULA)]
    assert not cells and row["path"] == row["class"] == row["reason"] == f"'{text}"
