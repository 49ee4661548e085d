"""Which file belongs to which class, and what is refused or ignored."""

import unicodedata
from pathlib import Path

import pytest

from wbc.common.errors import UserError
from wbc.fetch.class_folders import Masks, Reading, sort_into_classes
from wbc.fetch.file_names import litter, printable
from wbc.fetch.layout import UnclearLayout

SOURCE = Path("cells.zip")


def sort(*paths, folders=(), contents=None, **reading):
    start_of = (contents or {}).get
    return sort_into_classes(paths, folders, SOURCE, Reading(**reading), lambda path: start_of(path, b"text"))


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
    assert report.left_by_systems == ["__MACOSX/", "basophil/.DS_Store", "basophil/Thumbs.db"]
    assert report.ignored == []


def test_other_files_in_a_class_folder_are_kept_to_be_judged_as_images():
    targets, _ = sort("basophil/1.jpg", "basophil/notes.txt", "monocyte/1.jpg")
    assert "basophil/notes.txt" in targets


def test_folders_of_one_name_are_merged_and_files_of_one_name_told_apart():
    targets, report = sort(
        "train/basophil/1.jpg",
        "test/basophil/1.JPG",
        "test/basophil/2.jpg",
        "train/monocyte/1.jpg",
        "val/monocyte/1.jpg",
    )
    assert targets == {
        "test/basophil/1.JPG": "basophil/test__1.JPG",
        "test/basophil/2.jpg": "basophil/2.jpg",
        "train/basophil/1.jpg": "basophil/train__1.jpg",
        "train/monocyte/1.jpg": "monocyte/train__1.jpg",
        "val/monocyte/1.jpg": "monocyte/val__1.jpg",
    }
    assert report.merged["basophil"] == ["test/basophil", "train/basophil"]
    assert report.columns["basophil/train__1.jpg"] == {"part": "train"}
    assert report.columns["monocyte/val__1.jpg"] == {"part": "valid"}


def test_two_spellings_of_an_accent_are_one_class():
    nfd = unicodedata.normalize("NFD", "granulé")
    targets, report = sort(f"train/{nfd}/1.jpg", "test/granulé/2.jpg", "train/monocyte/1.jpg")
    assert report.labels == ["granulé", "monocyte"]
    assert targets[f"train/{nfd}/1.jpg"] == "granulé/1.jpg"


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
    assert len(report.left_by_systems) == len(left)


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
    with pytest.raises(UserError, match="masks next to the images") as error:
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


PNG = b"\x89PNG\r\n\x1a\n"
CELLS = ("basophil/1.jpg", "monocyte/1.jpg")


@pytest.mark.parametrize(
    "name",
    [
        "@eaDir/basophil/1.jpg/SYNOPHOTO_THUMB_M.jpg", "basophil/@eaDir/1.jpg@SynoEAStream", "@Recycle/1.jpg",
        "#recycle/basophil/1.jpg", "@Recently-Snapshot/1.jpg", "#snapshot/1.jpg", "basophil/.@__thumb/1.jpg",
        "basophil/1.jpg:Zone.Identifier", "basophil/1.jpg\uf03aZone.Identifier", "basophil/1.jpg.Zone.Identifier",
        "$RECYCLE.BIN/1.jpg", "System Volume Information/1.jpg", "basophil/Desktop.ini", "basophil/Thumbs.db",
        "basophil/._1.jpg", ".Trashes/1.jpg", "basophil/.ipynb_checkpoints/1.jpg", ".Trash-1000/files/1.jpg",
        "basophil/~$notes.docx", "Network Trash Folder/1.jpg",
    ],
)  # fmt: skip
def test_litter_of_systems_is_ignored_and_named(name):
    targets, report = sort(*CELLS, name)
    assert sorted(targets) == sorted(CELLS)
    assert len(report.left_by_systems) == 1 and report.ignored == []


@pytest.mark.parametrize("name", ["recycled cells/1.jpg", ".monocyte/1.jpg", "trash/1.jpg", "thumbs/1.jpg", "a#b.jpg"])
def test_left_by_a_system_is_said_of_nothing_else(name):
    assert litter(name) is None


def test_a_hidden_folder_of_images_is_no_litter():
    assert sort(*CELLS, ".hidden/1.jpg")[1].labels == [".hidden", "basophil", "monocyte"]
    _, report = sort(*CELLS, ".notes", "basophil/.notes")
    assert report.ignored == [".notes", "basophil/.notes"] and report.left_by_systems == []


@pytest.mark.parametrize("name", ["eosinophil/1", "eosinophil/1.dat", "eosinophil/1.jpg_old"])
@pytest.mark.parametrize("start", [PNG, b"\xff\xd8\xff\xe0", b"II*\0", b"BM" + bytes(12) + b"(\0\0\0"])
def test_images_without_their_ending_are_a_class_whose_files_are_judged(name, start):
    targets, report = sort(*CELLS, name, contents={name: start})
    assert report.labels == ["basophil", "eosinophil", "monocyte"]
    assert targets[name] == name


@pytest.mark.parametrize("start", [b"\0\0\0\x18ftypheic", b"\x93NUMPY\x01\0", bytes(128) + b"DICM", b"\0\1\2"])
def test_a_folder_of_images_that_cannot_be_read_is_no_class_that_vanishes(start):
    with pytest.raises(UserError, match=r"may be missing:\n  - eosinophil \(1 files such as 1.bin\)"):
        sort(*CELLS, "eosinophil/1.bin", contents={"eosinophil/1.bin": start})


def test_documents_beside_class_folders_are_ignored():
    _, report = sort(*CELLS, "docs/paper.pdf", "docs/notes.txt", "labels.bin", contents={"labels.bin": b"\0"})
    assert report.ignored == ["docs/notes.txt", "docs/paper.pdf", "labels.bin"]


@pytest.mark.parametrize("paths", [["basophil.zip", "monocyte.zip"], [*CELLS, "eosinophil.zip"], [*CELLS, "e/1.rar"]])
def test_a_packed_file_per_class_is_to_be_unpacked(paths):
    with pytest.raises(UserError, match=r"(?i)unpack them, each into a folder that is called after its class"):
        sort(*paths)


@pytest.mark.parametrize(
    "masks", [["Basophil_masks/1.png"], ["basophil/Ground Truth/1.png", "basophil/raw/1.png"], ["nucleus-mask/1.png"]]
)
def test_folders_of_masks_are_recognized_by_a_word_and_may_be_kept(masks):
    with pytest.raises(Masks, match="holds folders of masks"):
        sort(*CELLS, *masks)


def test_masks_by_name_may_be_kept():
    paths = [*CELLS, "mask/1.png", "basophil/1_mask.jpg"]
    with pytest.raises(Masks):
        sort(*paths)
    assert sort(*paths, allow_masks=True)[1].labels == ["basophil", "mask", "monocyte"]


def test_a_layout_that_is_not_plain_is_refused():
    with pytest.raises(UnclearLayout):
        sort("basophil/P0/1.jpg", "monocyte/P1/1.jpg")
    _, report = sort("basophil/P0/1.jpg", "monocyte/P1/1.jpg", layout="{class}/{patient}/*")
    assert report.columns == {"basophil/1.jpg": {"patient": "P0"}, "monocyte/1.jpg": {"patient": "P1"}}
