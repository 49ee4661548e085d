import zipfile

import numpy as np
import pandas as pd
import pytest

from wbc.common.errors import UserError
from wbc.pretraining.parts import capped, every, read_parts


def test_part_class_and_photograph_are_read_from_the_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile("site.zip", "w") as archive:
        for path in (
            "site/Train/monocyte/day1_0001_0.jpg",
            "site/Train/monocyte/day1_0001_1.jpg",
            "site/B/basophil/7.jpg",
        ):
            archive.writestr(path, b"")
    table = read_parts(tmp_path / "site.zip")
    assert table[["part", "label", "photograph"]].to_numpy().tolist() == [
        ["B", "basophil", "7"],
        ["Train", "monocyte", "day1_0001"],
        ["Train", "monocyte", "day1_0001"],
    ]
    assert all(file.exists() for file in table["file"])


def test_a_missing_archive_is_named(tmp_path):
    with pytest.raises(UserError, match=r"none\.zip doesn't exist"):
        read_parts(tmp_path / "none.zip")


def test_every_third_photograph_is_taken_with_all_its_cells():
    photographs = pd.Series(["c", "a", "a", "b", "d", "d"])
    assert every(photographs, 3).tolist() == [False, True, True, False, True, True]
    assert every(photographs, 3, first=1).tolist() == [False, False, False, True, False, False]


def test_a_cap_spreads_over_the_rows_of_its_class_alone():
    table = pd.DataFrame({"label": ["x"] * 9 + ["y"] * 3, "number": np.arange(12)})
    assert capped(table, {"x": 3})["number"].tolist() == [0, 4, 8, 9, 10, 11]
