import json

import pandas as pd
import pytest

from pretraining import cells
from wbc.common.files import sha256


def images(count=10):
    return {
        f"a/{label}/{number}.png": 20 * place + number for place, label in enumerate("pq") for number in range(count)
    }


def test_cells_are_divided_by_class_and_the_archive_is_named_by_its_hash(tree):
    archive = tree.archive("pbc_cells.zip", images())
    tree.set("cells", train=0.6, valid=0.2)
    cells.main()
    table = pd.read_csv("pretraining/cells/cells.csv")
    counts = pd.crosstab(table["label"], table["part"])[["train", "valid", "test"]]
    assert counts.loc["p"].tolist() == counts.loc["q"].tolist() == [6, 2, 2]
    source = json.loads((tree.folder / "pretraining/cells/source.json").read_text())
    assert (source["archive"], source["sha256"], source["images"]) == ("pbc_cells.zip", sha256(archive), 20)
    assert source["classes"]["p"] == {"train": 6, "valid": 2, "test": 2}
    for path, digest in zip(table["path"], table["sha256"], strict=True):
        assert sha256(tree.folder / "pretraining/cells/raw" / path) == digest


def test_copies_stay_in_one_part_and_a_file_under_two_labels_is_left_out(tree):
    copies = {f"a/p/copy{number}.png": 3 for number in range(4)}  # of a/p/3.png
    tree.archive("pbc_cells.zip", images() | copies | {"a/q/as_p5.png": 5})
    cells.main()
    table = pd.read_csv("pretraining/cells/cells.csv")
    assert len(table) == 23
    assert not table["path"].isin(["p/5.png", "q/as_p5.png"]).any()
    assert table.groupby("sha256")["part"].nunique().max() == 1
    source = json.loads((tree.folder / "pretraining/cells/source.json").read_text())
    assert source["left_out_for_two_labels"] == ["p/5.png", "q/as_p5.png"]


def test_without_the_archive_it_says_where_to_get_it(tree, capsys):
    with pytest.raises(SystemExit):
        cells.main()
    said = capsys.readouterr().err
    assert "pretraining/archives/pbc_cells.zip" in said and "archives/README.md" in said and "make blood" in said


def test_an_unreadable_image_stops_and_is_named(tree, capsys):
    tree.archive("pbc_cells.zip", images() | {"a/q/broken.png": b"not an image"})
    with pytest.raises(SystemExit):
        cells.main()
    assert "broken.png" in capsys.readouterr().err
    assert not (tree.folder / "pretraining/cells").exists()


@pytest.mark.parametrize(("key", "value"), [("train", 1.0), ("valid", 0.0), ("seed", -1), ("shuffle", True)])
def test_a_wrong_parameter_is_named(tree, capsys, key, value):
    tree.set("cells", **{key: value})
    with pytest.raises(SystemExit):
        cells.main()
    assert f"`cells.{key}`" in capsys.readouterr().err
