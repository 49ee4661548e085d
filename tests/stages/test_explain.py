"""The stage after a run: a map of each mistake that the report shows, and of nothing else."""

import json

import pandas as pd
import yaml


def test_each_cell_that_was_named_wrongly_has_a_map(reproduced):
    shown = yaml.safe_load((reproduced.folder / "params.yaml").read_text())["plot"]["mistakes"]
    maps = json.loads((reproduced.folder / "reports/heat_maps.json").read_text())
    assert set(maps) == {"image", "grouped", "crossval"}
    assert any(maps.values())
    for scheme, found in maps.items():
        predictions = pd.read_csv(reproduced.folder / "reports" / scheme / "predictions.csv")
        wrong = predictions[predictions["label"] != predictions["predicted"]]
        assert len(found) == min(shown, wrong["group"].nunique())
        assert set(found) <= set(wrong["path"])
        assert all(0 <= value <= 1 for rows in found.values() for row in rows for value in row)
