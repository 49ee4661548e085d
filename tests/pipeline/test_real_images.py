"""Real cell images through fetch and split. They are not part of the project; without them these tests are skipped."""

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from stages import fetch, split
from tests.imports import ROOT

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
        (tmp_path / "pretraining").mkdir(exist_ok=True)
        (tmp_path / split.FINGERPRINTS).write_bytes((ROOT / split.FINGERPRINTS).read_bytes())
        fetch.main()
        split.main()
        return pd.read_csv("data/splits.csv")

    return run


def test_a_set_like_the_original_studys_is_divided_as_it_was_and_its_cells_are_found(run):
    splits = run("bccd_wbc.zip")
    assert len(splits) == 3500
    for _, images in splits.groupby("label"):
        assert Counter(images["image"]) == {"train": 489, "valid": 105, "test": 106}
    if not (truth := DATA / "bccd_wbc_sources.csv").is_file():
        pytest.skip(f"{truth} is not there, so the groups can't be compared with the sources")
    source = pd.read_csv(truth).set_index("file")["source"][splits["path"]].to_numpy()
    group, first = splits["photo_id"].to_numpy(), np.triu_indices(len(splits), 1)
    same, found = (
        np.equal.outer(values, values)[first] for values in (np.unique(source, return_inverse=True)[1], group)
    )
    assert found[same].mean() >= 0.98
    assert same[found].mean() >= 0.98
    train = set(source[splits["grouped"] == "train"])
    assert np.mean([cell in train for cell in source[splits["grouped"] == "test"]]) <= 0.005


def test_real_cells_stay_apart_and_a_class_of_four_is_in_every_part(run):
    splits = run("bccd_cells.zip")
    assert splits["photo_id"].duplicated().mean() <= 0.01
    assert Counter(splits["label"]) == {
        "basophil": 4,
        "eosinophil": 84,
        "lymphocyte": 33,
        "monocyte": 20,
        "neutrophil": 203,
    }
    for scheme in ("image", "grouped"):
        assert set(splits.loc[splits["label"] == "basophil", scheme]) == {"train", "valid", "test"}
