"""Labels from a table: any folders, and one label for an image."""

from pathlib import Path

import pytest

from wbc.common.errors import UserError
from wbc.fetch.class_folders import Reading, sort_into_classes
from wbc.fetch.label_table import LabelTable

PATHS = ["scans/1.png", "scans/2.png", "more/scans/1.png", "more/3.png"]
ROWS = "scans/2.png,B\nmore/scans/1.png,A\n3.png,B\n"


def table(tmp_path, text):
    (tmp_path / "labels.csv").write_text(text)
    return LabelTable.read(tmp_path / "labels.csv")


def sort(tmp_path, text, paths=PATHS, start_of=None):
    reading = Reading(labels=table(tmp_path, text))
    return sort_into_classes(paths, [], Path("cells"), reading, start_of or (lambda _: b""))


def test_any_layout_works_and_files_of_one_name_are_told_apart(tmp_path):
    targets, report = sort(tmp_path, "file,label\nscans/1.png,A\n" + ROWS)
    assert targets == {
        "more/3.png": "B/3.png",
        "more/scans/1.png": "A/more__scans__1.png",
        "scans/1.png": "A/scans__1.png",
        "scans/2.png": "B/2.png",
    }
    assert report.labels == ["A", "B"] and report.columns == {}


def test_groups_and_parts_come_with_the_labels(tmp_path):
    rows = "a/1.png,A,P1,,train\na/2.png,B,P1,S2,val\na/3.png,B,,,Test\n"
    _, report = sort(tmp_path, "file,label,patient,slide,part\n" + rows, ["a/1.png", "a/2.png", "a/3.png"])
    assert report.columns == {
        "A/1.png": {"patient": "P1", "part": "train"},
        "B/2.png": {"patient": "P1", "slide": "S2", "part": "valid"},
        "B/3.png": {"part": "test"},
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file,label\n1.png,A|B\n", "'A|B'. An image has one label here: multi-label classification is not supported"),
        ("file,label\n1.png,A;B\n", "multi-label"),
        ('file,label\n1.png,"A, B"\n', "multi-label"),
        ("file,label\n1.png,A\n1.png,B\n", "several labels to 1.png. An image has one label"),
        ("file,A,B\n1.png,1,0\n", "a column of 0 and 1 for each label (A, B). An image has one label"),
        ("file,label\n1.png,A/B\n", "can't be the name of a folder"),
        ("file,label\n1.png,..\n", "can't be the name of a folder"),
        ("file,label\n1.png,\n", "gives no label to 1.png"),
        ("file,label\n1.png,nan\n", "often means a missing value"),
        ("file,label,part\n1.png,A,fold1\n", "names the part 'fold1'"),
        ("file,label,patent\n1.png,A,P1\n", "and may have part, laboratory, site, patient"),
        ("name,label\n1.png,A\n", "should have the columns `file` and `label`"),
    ],
)
def test_a_table_that_is_not_clear_is_refused_before_the_images_are_got(tmp_path, text, words):
    with pytest.raises(UserError) as error:
        table(tmp_path, text)
    assert words in str(error.value)


def test_images_and_rows_must_fit_each_other(tmp_path):
    with pytest.raises(UserError, match=r"gives no label to 1 of 4 images of cells: scans/1\.png"):
        sort(tmp_path, "file,label\n" + ROWS)
    with pytest.raises(UserError, match=r"names what is not among the 4 images of cells: 9\.png"):
        sort(tmp_path, "file,label\n" + ROWS + "9.png,A\n")
    with pytest.raises(UserError, match="says two things of one image, by `label`"):
        sort(tmp_path, "file,label\n" + ROWS + "more/*,A\n")


def test_images_without_an_ending_need_a_label_too(tmp_path):
    paths = ["x/1.png", "x/2.png", "x/3"]
    with pytest.raises(UserError, match="gives no label to 1 of 3 images"):
        sort(tmp_path, "file,label\n1.png,A\n2.png,B\n", paths, lambda path: b"\xff\xd8\xff")
