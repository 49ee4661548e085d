"""Names of other laboratories' classes, and one class alone."""

import zipfile

import pytest
from PIL import Image

from wbc.common.errors import UserError
from wbc.predict.labelled import translation, unpacked

OURS = ["basophil", "eosinophil", "lymphocyte", "monocyte", "neutrophil"]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("Neutrophil", "neutrophil"),
        ("neutrophils", "neutrophil"),
        ("NEUTROPHILS", "neutrophil"),
        ("Neutrophile", "neutrophil"),
        ("Lymphocytes", "lymphocyte"),
        ("mono-cyte", "monocyte"),
        ("eosinophill", "eosinophil"),
    ],
)
def test_near_matches_are_taken_and_noted(theirs, ours):
    known, note = translation([theirs, "basophil"], OURS, {})
    assert known == {theirs: ours, "basophil": "basophil"}
    assert note == f"Class names matched: {theirs} = {ours}."


@pytest.mark.parametrize(
    "theirs",
    [
        "platelet",
        "erythroblast",
        "ig",
        "promyelocyte",
        "prolymphocyte",
        "xbasophil",
        "monoblast",
        "lymphoblast",
        "blast",
        "band",
    ],
)
def test_other_classes_are_not_taken_for_ours(theirs):
    assert translation([theirs], OURS, {}) == ({}, "")


def test_what_the_user_says_comes_first():
    assert translation(["Neutrophil", "x"], OURS, {"x": "monocyte", "Neutrophil": "basophil"}) == (
        {"Neutrophil": "basophil", "x": "monocyte"},
        "",
    )
    with pytest.raises(UserError, match="`labels` names y"):
        translation(["x"], OURS, {"y": "monocyte"})
    with pytest.raises(UserError, match="the classifier has the classes basophil"):
        translation(["x"], OURS, {"x": "monocytes"})


@pytest.mark.parametrize("kind", ["folder", "above", "zip"])
def test_one_class_alone_is_read(tmp_path, kind):
    folder = tmp_path / "cells/monocyte"
    folder.mkdir(parents=True)
    for number in range(2):
        Image.new("RGB", (20, 20)).save(folder / f"{number}.png")
    with zipfile.ZipFile(tmp_path / "cells.zip", "w") as archive:
        for number in range(2):
            archive.write(folder / f"{number}.png", f"monocyte/{number}.png")
    named = {"folder": folder, "above": tmp_path / "cells", "zip": tmp_path / "cells.zip"}[kind]
    with unpacked(str(named)) as images:
        assert images.classes == ["monocyte"] and images.labels == ["monocyte"] * 2
        assert [source.name for source in images.sources] == ["monocyte/0.png", "monocyte/1.png"]
        assert images.sources[0].read() == (folder / "0.png").read_bytes()


def test_two_classes_are_unpacked(tmp_path):
    for name in ("monocyte", "basophil"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (20, 20)).save(tmp_path / name / "0.png")
    with unpacked(str(tmp_path)) as images:
        assert images.labels == ["basophil", "monocyte"] and images.sources[1].name == "monocyte/0.png"
        assert images.sources[1].read() == (tmp_path / "monocyte/0.png").read_bytes()


def test_nothing_there_is_said(tmp_path):
    with pytest.raises(UserError, match="doesn't exist"), unpacked(str(tmp_path / "nowhere")):
        pass
