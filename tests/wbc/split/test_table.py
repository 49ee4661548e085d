import pandas as pd
import pytest

from wbc.common.errors import UserError
from wbc.split.table import Splits


def write(folder, labels=("b", "NA", "10", "b"), paths=("007", "2", "3", "4")):
    table = pd.DataFrame({"path": ["007", "2", "3", "4"], "label": labels, "group": [1, 1, 2, 3], "fold": [0, 0, 1, 1]})
    table["image"] = table["grouped"] = ["train", "train", "valid", "test"]
    roles = [("test", "train"), ("test", "train"), ("train", "test"), ("excluded", "test")]
    rows = [
        (path, fold, role, 1 if role == "train" else 0)
        for path, both in zip(paths, roles, strict=True)
        for fold, role in enumerate(both)
    ]
    Splits(table, pd.DataFrame(rows, columns=["path", "fold", "role", "block"])).save(folder)


def test_classes_are_numbered_by_name_whatever_they_are_called(tmp_path):
    write(tmp_path)
    splits = Splits.load(tmp_path)
    assert splits.classes == ["10", "NA", "b"]
    assert splits.labels.tolist() == [2, 1, 0, 2]
    assert splits.table["path"].tolist() == ["007", "2", "3", "4"]


def test_rounds_follow_the_roles(tmp_path):
    write(tmp_path)
    first, second = Splits.load(tmp_path).rounds()
    assert (first.test.tolist(), first.train.tolist()) == ([0, 1], [2])
    assert (second.test.tolist(), second.train.tolist()) == ([2, 3], [0, 1])


@pytest.mark.parametrize("name", ["splits.csv", "folds.csv"])
@pytest.mark.parametrize("share", [0, 0.3, 0.5, 0.9])
def test_half_a_table_stops(tmp_path, name, share):
    write(tmp_path)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError, match=r"damaged.*dvc repro"):
        Splits.load(tmp_path)


def test_folds_of_other_images_stop(tmp_path):
    write(tmp_path, paths=("007", "2", "3", "5"))
    with pytest.raises(UserError, match="are of different images"):
        Splits.load(tmp_path)
