"""What `measure` refuses. What it measures is tested in wbc/pretraining/test_transfer.py and pipeline/."""

import pytest

from pretraining import measure
from tests.pretraining.conftest import CLASSES
from wbc.pretraining.laboratories import read_home, read_laboratory


@pytest.fixture
def home(tree):
    """Cells of the five classes, and an archive of another laboratory's."""
    folder = tree.folder / "pretraining/cells"
    folder.mkdir()
    rows = [
        f"{label}/{number}.png,{label},00,{part}"
        for label in CLASSES
        for number, part in enumerate(("train", "valid", "test"))
    ]
    (folder / "cells.csv").write_text("\n".join(["path,label,sha256,part", *rows]) + "\n")
    tree.archive("bccd_cells.zip", {f"b/{label}/{number}.png": number for label in CLASSES for number in range(2)})
    return tree


def refused(capsys):
    with pytest.raises(SystemExit):
        measure.main()
    return capsys.readouterr().err


def test_a_laboratory_without_its_archive_is_named(home, capsys):
    home.set("measure", laboratories={"lisc": "pretraining/archives/lisc.zip"})
    said = refused(capsys)
    assert "`measure.laboratories.lisc`" in said and "pretraining/archives/lisc.zip" in said and "make blood" in said


def test_a_class_that_home_does_not_have_is_named(home, capsys):
    home.set("measure", classes=["basophil", "blast"])
    assert "`measure.classes` in pretraining/params.yaml names blast" in refused(capsys)


def test_a_laboratory_without_two_of_the_classes_is_refused(home, capsys):
    home.archive("bccd_cells.zip", {"b/EOS/1.png": 1, "b/basophil/1.png": 2})
    assert "holds images of EOS, basophil, fewer than two" in refused(capsys)


def test_another_laboratory_has_another_name(home, capsys):
    home.set("measure", laboratories={"pbc": "pretraining/archives/bccd_cells.zip"})
    assert "pbc is the laboratory that the backbone comes from" in refused(capsys)


def test_only_the_classes_that_are_told_apart_are_measured(home, tmp_path):
    archive = home.archive("more.zip", {f"b/{label}/1.png": 1 for label in (*CLASSES, "platelet")})
    classes = ["eosinophil", "neutrophil"]
    assert sorted(read_home(measure.CELLS, classes, measure.PARAMS)["label"].unique()) == classes
    table = read_laboratory("more", archive, tmp_path / "unpacked", classes, measure.PARAMS)
    assert table["label"].tolist() == classes
    assert all(file.is_file() for file in table["file"])
