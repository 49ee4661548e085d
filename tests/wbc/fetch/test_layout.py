"""Layouts: the plain ones are read, and of others the possible readings are shown."""

from pathlib import Path, PurePosixPath

import pytest

from wbc.common.errors import UserError
from wbc.fetch.layout import UnclearLayout, part_of, read_layout

SOURCE = Path("cells")


def read(*paths, pattern=None):
    return read_layout([PurePosixPath(path) for path in sorted(paths)], SOURCE, pattern)


def classes(*paths, pattern=None):
    return dict(read(*paths, pattern=pattern).classes())


def refused(*paths, pattern=None):
    with pytest.raises(UnclearLayout) as error:
        read(*paths, pattern=pattern)
    return str(error.value)


@pytest.mark.parametrize(
    "paths",
    [
        ["basophil/1.jpg", "monocyte/1.jpg"],
        ["data/set/basophil/1.jpg", "data/set/monocyte/1.jpg"],
        ["basophil/images/1.jpg", "monocyte/images/1.jpg"],
        ["train/basophil/1.jpg", "test/monocyte/1.jpg"],
        ["set/TRAIN/basophil/1.jpg", "set/TEST_SIMPLE/monocyte/1.jpg"],
        ["basophil/Training/1.jpg", "basophil/val/2.jpg", "monocyte/TestA/1.jpg"],
    ],
)
def test_plain_layouts_are_read(paths):
    assert set(classes(*paths)) == {"basophil", "monocyte"}


def test_numbers_are_classes_where_only_parts_stand_above():
    assert classes("train/0/1.jpg", "train/1/1.jpg", "test/0/1.jpg") == {"0": 2, "1": 1}
    assert classes("0/1.jpg", "1/1.jpg") == {"0": 1, "1": 1}


def test_the_parts_of_a_data_set_are_kept():
    found = read("Train/a/1.jpg", "TestA/a/1.jpg", "TestB/b/1.jpg", "Val/b/1.jpg")
    assert sorted(names["part"] for names in found.placed.values()) == ["test", "test", "train", "valid"]


@pytest.mark.parametrize(
    ("word", "part"),
    [
        ("train", "train"), ("TRAINING", "train"), ("training_set", "train"), ("validation", "valid"), ("dev", "valid"),
        ("Test-A", "test"), ("test2", "test"), ("Testis", None), ("trained", None), ("basophil", None), ("value", None),
    ],
)  # fmt: skip
def test_words_for_parts(word, part):
    assert part_of(word) == part


def test_batches_below_each_class_are_not_classes():
    paths = [f"{name}/{batch}/{n}.jpg" for name in "AB" for batch in ("0001-1000", "1001-2000") for n in range(3)]
    said = refused(*paths)
    assert "{class}/*/*   2 classes: A 6, B 6" in said
    assert "*/{class}/*   2 classes: 0001-1000 6, 1001-2000 6" in said
    assert classes(*paths, pattern="{class}/*/*") == {"A": 6, "B": 6}


@pytest.mark.parametrize("folders", [("0001-1000", "1001-2000"), ("P0", "P1"), ("1", "2")])
def test_patients_or_batches_of_a_single_class_are_not_classes(folders):
    said = refused(*(f"monocyte/{folder}/1.jpg" for folder in folders))
    assert "{class}/*/*   1 class: monocyte 2" in said
    assert f"*/{{class}}/*   2 classes: {folders[0]} 1, {folders[1]} 1" in said
    assert len(classes(*(f"monocyte/{folder}/1.jpg" for folder in folders), pattern="{class}/*")) == 2


def test_breakhis():
    top = "BreaKHis_v1/histology_slides/breast"
    paths = [
        f"{top}/{kind}/SOB/{name}/SOB_{slide}/{zoom}X/{n}.png"
        for kind, name, slide in [
            ("benign", "adenosis", "A1"),
            ("benign", "fibroadenoma", "F1"),
            ("malignant", "ductal", "D1"),
        ]
        for zoom in (40, 100)
        for n in range(2)
    ]
    said = refused(*paths)
    assert "*/*/*/{class}/*/*/*/*/*   2 classes: malignant 4, benign 8" in said or "benign 8, malignant 4" in said
    assert "3 classes: adenosis 4, fibroadenoma 4, ductal 4" in said
    found = read(*paths, pattern="*/SOB/{class}/{slide}/40X/*")
    assert found.classes() == {"adenosis": 2, "fibroadenoma": 2, "ductal": 2}
    assert len(found.left_out) == 6, "of the other magnification"
    assert {names["slide"] for names in found.placed.values()} == {"SOB_A1", "SOB_F1", "SOB_D1"}


def test_an_unlabelled_test_folder_is_no_class():
    paths = ["train/basophil/1.jpg", "train/monocyte/1.jpg", "test/1.jpg", "test/2.jpg"]
    said = refused(*paths)
    assert "train/{class}/*   2 classes: basophil 1, monocyte 1; 2 images are left out" in said
    found = read(*paths, pattern="train/{class}/*")
    assert found.classes() == {"basophil": 1, "monocyte": 1}
    assert [str(path) for path in found.left_out] == ["test/1.jpg", "test/2.jpg"]


@pytest.mark.parametrize("paths", [["basophil/1.jpg", "monocyte/1.jpg", "test/1.jpg"], ["train/1.jpg", "test/1.jpg"]])
def test_a_part_beside_classes_is_no_class(paths):
    refused(*paths)
    assert classes(*paths, pattern="{class}/*")


def test_patients_below_each_class_are_named():
    paths = [
        f"{name}/P{patient}/{n}.jpg" for name in ("basophil", "monocyte") for patient in range(2) for n in range(2)
    ]
    refused(*paths)
    found = read(*paths, pattern="{class}/{patient}/*")
    assert found.placed[PurePosixPath("monocyte/P1/0.jpg")] == {"class": "monocyte", "patient": "P1"}


def test_images_outside_class_folders_are_named_with_the_readings():
    said = refused("1.jpg", "a/basophil/1.jpg", "a/monocyte/1.jpg")
    assert "Images outside a class folder (1), whose class isn't known:\n  - 1.jpg" in said
    assert "a/{class}/*   2 classes" in said


def test_any_depth():
    paths = ["basophil/1.jpg", "basophil/x/2.jpg", "monocyte/y/z/1.jpg"]
    assert "{class}/**   2 classes: basophil 2, monocyte 1" in refused(*paths)
    assert classes(*paths, pattern="{class}/**") == {"basophil": 2, "monocyte": 1}
    assert classes(*paths, pattern="**/{class}/*") == {"basophil": 1, "x": 1, "z": 1}


def test_names_of_files_may_say_the_class():
    assert classes("all/basophil_1.jpg", "all/monocyte_1.jpg", pattern="{class}_*.jpg") == {
        "basophil": 1,
        "monocyte": 1,
    }


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("{patient}/*", "must name {class} once"),
        ("{class}/{class}/*", "must name {class} once"),
        ("{class}/{Patient}/*", "can't be read"),
        ("/{class}/*", "can't be read"),
        ("{class}/*/*", "does not fit 2 of 2 images"),
        ("cells/{class}/*", "does not fit 2 of 2 images"),
        ("{part}/{class}", "takes 'basophil'"),
    ],
)
def test_a_pattern_that_is_wrong_or_does_not_fit_is_refused(pattern, words):
    with pytest.raises(UserError, match="(?s)" + words.replace("{", r"\{")):
        read("basophil/1.jpg", "monocyte/1.jpg", pattern=pattern)


def test_many_folders_of_many_images():
    paths = [f"{n % 7}/{n % 1000}/{n}.jpg" for n in range(10_000)] + ["x.jpg"]
    assert "outside a class folder" in refused(*paths)
