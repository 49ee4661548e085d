"""Real cell images through fetch and split. They are not part of the project; without them these tests are skipped."""

import os
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
import yaml

from stages import fetch, split
from tests.pipeline.imports import ROOT

DATA = Path(os.environ.get("CELLS_DATA", ROOT.parent / "shared/data"))


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return a function that takes an archive's name through both stages in a folder of its own."""

    def run(name):
        if not (DATA / name).is_file():
            pytest.skip(f"{name} is not in {DATA}; set CELLS_DATA to the folder that holds it")
        monkeypatch.chdir(tmp_path)
        params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        params["fetch"] |= {"source": "archive", "archive": str(DATA / name)}
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
        fetch.main()
        split.main()
        return pd.read_csv("data/splits.csv")

    return run


def test_a_set_like_the_original_studys_is_divided_as_it_was(run):
    splits = run("bccd_wbc.zip")
    assert len(splits) == 3500
    for _, images in splits.groupby("label"):
        assert Counter(images["image"]) == {"train": 489, "valid": 105, "test": 106}


def test_a_class_of_four_cells_is_in_every_part(run):
    splits = run("bccd_cells.zip")
    assert Counter(splits["label"]) == {
        "basophil": 4,
        "eosinophil": 84,
        "lymphocyte": 33,
        "monocyte": 20,
        "neutrophil": 203,
    }
    for protocol in ("image", "grouped"):
        assert set(splits.loc[splits["label"] == "basophil", protocol]) == {"train", "valid", "test"}
