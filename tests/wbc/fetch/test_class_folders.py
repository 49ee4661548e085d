"""Which file belongs to which class, by names alone."""

import unicodedata
from pathlib import Path

import pytest

from wbc.common.errors import UserError
from wbc.fetch.class_folders import printable, sort_into_classes

SOURCE = Path("cells.zip")


def sort(*paths, folders=()):
    return sort_into_classes(paths, folders, SOURCE)


def test_class_folders_at_the_top_or_deeper():
    top, _ = sort("basophil/1.jpg", "monocyte/1.jpg")
    deep, report = sort("a/b/basophil/1.jpg", "a/b/monocyte/1.jpg")
    assert list(top.values()) == list(deep.values()) == ["basophil/1.jpg", "monocyte/1.jpg"]
    assert report.labels == ["basophil", "monocyte"]
    assert report.ignored == []


def test_what_stands_above_the_class_folders_is_ignored_and_said():
    _, report = sort("README.md", "a/labels.csv", "a/basophil/1.jpg", "a/monocyte/1.jpg")
    assert report.ignored == ["README.md", "a/labels.csv"]


def test_what_systems_leave_behind_is_ignored_and_said_once_a_folder():
    targets, report = sort(
        "__MACOSX/basophil/._1.jpg", "__MACOSX/monocyte/._1.jpg", "basophil/.DS_Store", "basophil/Thumbs.db",
        "basophil/1.jpg", "monocyte/1.jpg", folders=["__MACOSX", "__MACOSX/empty"],
    )  # fmt: skip
    assert list(targets) == ["basophil/1.jpg", "monocyte/1.jpg"]
    assert report.ignored == ["__MACOSX/", "basophil/.DS_Store", "basophil/Thumbs.db"]


def test_other_files_in_a_class_folder_are_kept_to_be_judged_as_images():
    targets, _ = sort("basophil/1.jpg", "basophil/notes.txt", "monocyte/1.jpg")
    assert "basophil/notes.txt" in targets


def test_folders_of_one_name_are_merged_and_files_of_one_name_told_apart():
    targets, report = sort(
        "train/basophil/1.jpg", "test/basophil/1.JPG", "test/basophil/2.jpg", "monocyte/1.jpg", "old/new/monocyte/1.jpg"
    )
    assert targets == {
        "monocyte/1.jpg": "monocyte/1.jpg",
        "old/new/monocyte/1.jpg": "monocyte/old__new__1.jpg",
        "test/basophil/1.JPG": "basophil/test__1.JPG",
        "test/basophil/2.jpg": "basophil/2.jpg",
        "train/basophil/1.jpg": "basophil/train__1.jpg",
    }
    assert report.merged["basophil"] == ["test/basophil", "train/basophil"]


def test_two_spellings_of_an_accent_are_one_class():
    nfd = unicodedata.normalize("NFD", "granulé")
    targets, report = sort(f"a/{nfd}/1.jpg", "b/granulé/2.jpg", "monocyte/1.jpg")
    assert report.labels == ["granulé", "monocyte"]
    assert targets[f"a/{nfd}/1.jpg"] == "granulé/1.jpg"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a" * 252 + ".jpg", "256 bytes"),
        ("é" * 126 + ".jpg", "256 bytes"),
        ("a\n.jpg", "control"),
        ("\udcff.jpg", "UTF-8"),
    ],
)
def test_names_that_can_not_be_kept_are_listed(name, reason):
    targets, report = sort("basophil/1.jpg", f"basophil/{name}", "monocyte/1.jpg")
    assert len(targets) == 2
    [(path, said)] = report.unusable
    assert reason in said
    assert path.encode().isascii() or "é" in path
    assert path.startswith("basophil/")


@pytest.mark.parametrize(
    ("paths", "folders", "words"),
    [
        (["README.md"], [], ["only README.md", "one folder per class"]),
        ([], [], ["holds nothing"]),
        (["1.jpg", "basophil/1.jpg", "monocyte/1.jpg"], [], ["outside a class folder", "- 1.jpg"]),
        (["a/1.jpg", "a/basophil/1.jpg", "a/monocyte/1.jpg"], [], ["outside a class folder", "- a/1.jpg"]),
        (["1.jpg", "2.jpg"], [], ["outside a class folder"]),
        (["basophil/1.jpg", "monocyte/1.jpg"], ["basophil", "eosinophil"], ["empty", "- eosinophil"]),
        (["basophil/1.jpg", "monocyte/.DS_Store"], ["basophil", "monocyte"], ["empty", "- monocyte"]),
        (["basophil/1.jpg", "basophil/2.jpg"], [], ["one class, basophil"]),
        (["Basophil/1.jpg", "basophil/1.jpg"], [], ["'Basophil'", "'basophil'"]),
        (["basophil /1.jpg", "basophil/1.jpg"], [], ["'basophil '", "'basophil'"]),
        (["basophil/a.jpg", "basophil/A.jpg", "monocyte/1.jpg"], [], ["basophil/A.jpg", "basophil/a.jpg"]),
    ],
)
def test_unclear_classes_are_refused(paths, folders, words):
    with pytest.raises(UserError) as error:
        sort(*paths, folders=folders)
    for word in ["cells.zip", *words]:
        assert word in str(error.value)


def test_printable_is_safe_on_any_terminal():
    shown = printable("a\x1b[2J\udcff" + "b" * 1000)
    assert shown.startswith("a\\x1b[2J\\udcff")
    assert len(shown) < 420


def test_what_systems_leave_behind_is_no_class():
    left = ["Icon\r", "basophil/Icon\r", "basophil/ehthumbs.db", "System Volume Information/1.jpg", "lost+found/1.jpg"]
    _, report = sort("basophil/1.jpg", "monocyte/1.jpg", *left)
    assert report.labels == ["basophil", "monocyte"]
    assert len(report.ignored) == len(left)


def test_a_folder_with_only_text_is_no_class():
    targets, report = sort("basophil/1.jpg", "basophil/notes.txt", "monocyte/1.jpg", "notes/readme.txt")
    assert report.labels == ["basophil", "monocyte"]
    assert report.ignored == ["notes/readme.txt"]
    assert "basophil/notes.txt" in targets, "an unreadable file among images is to be reported, not passed over"


def test_masks_beside_the_images_are_refused():
    with pytest.raises(UserError, match="masks/basophil") as error:
        sort("images/basophil/1.jpg", "images/monocyte/1.jpg", "masks/basophil/1.png", "masks/monocyte/1.png")
    assert "images/basophil" not in str(error.value)


@pytest.mark.parametrize("mask", ["1_mask.png", "1-Mask.bmp", "1_seg.png", "1.gt.png", "1 segmentation.tif"])
def test_a_mask_beside_its_image_is_refused(mask):
    with pytest.raises(UserError, match="masks beside the images") as error:
        sort("basophil/1.jpg", f"basophil/{mask}", "monocyte/1.jpg", "monocyte/unmasked_mask.jpg")
    assert mask in str(error.value) and "unmasked" not in str(error.value)


def test_kaggles_blood_cells_as_they_come():
    top = "dataset2-master/dataset2-master/images"
    voc = "dataset-master/dataset-master"
    paths = [
        f"{top}/{part}/{name}/1.jpeg"
        for part in ("TRAIN", "TEST", "TEST_SIMPLE")
        for name in ("EOSINOPHIL", "MONOCYTE")
    ]
    paths += [f"{voc}/JPEGImages/1.jpg", f"{voc}/Annotations/1.xml", f"{voc}/labels.csv"]
    targets, report = sort(*paths)
    assert report.labels == ["EOSINOPHIL", "MONOCYTE"]
    assert len(targets) == 6
    assert f"{voc}/JPEGImages/1.jpg" in report.ignored


@pytest.mark.parametrize("name", ["a\u202eb.jpg", "a\u200bb.jpg", "a\nb.jpg", "a\x1b[2Jb.jpg", "a\u2028b.jpg"])
def test_letters_that_cannot_be_seen_reach_neither_disk_nor_terminal(name):
    targets, report = sort("basophil/1.jpg", "monocyte/1.jpg", f"basophil/{name}")
    assert len(targets) == 2
    [(path, reason)] = report.unusable
    assert "control character" in reason
    assert path.isascii() and path.isprintable()


def test_a_name_of_only_spaces_is_not_usable():
    _, report = sort("basophil/1.jpg", "monocyte/1.jpg", "basophil/ ", "  /1.jpg")
    assert [reason for _, reason in report.unusable] == ["its name is only spaces"] * 2
