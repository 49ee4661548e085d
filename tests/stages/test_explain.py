"""The stage after a run: a map of each mistake that may be shown, and of nothing else."""

import json

import pandas as pd


def test_each_cell_that_was_named_wrongly_has_a_map(reproduced):
    maps = json.loads((reproduced.folder / "reports/heat_maps.json").read_text())
    assert set(maps) == {"image", "grouped", "crossval"}
    assert any(maps.values())
    for scheme, found in maps.items():
        predictions = pd.read_csv(reproduced.folder / "reports" / scheme / "predictions.csv")
        wrong = predictions[predictions["label"] != predictions["predicted"]]
        assert len(found) == wrong["group"].nunique()
        assert set(found) <= set(wrong["path"])
        assert all(0 <= value <= 1 for rows in found.values() for row in rows for value in row)
