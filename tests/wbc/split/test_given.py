import numpy as np
import pandas as pd
import pytest

from wbc.common.errors import UserError
from wbc.split.given import level_of, read_groups, read_parts, united

PATHS = ["a/P1_1.jpg", "a/P1_2.jpg", "a/P2_1.jpg", "b/P2_[2].jpg", "b/x.jpg"]


def csv(folder, text, name="groups.csv"):
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def test_a_pattern_over_file_names():
    given = read_groups(r"(?P<patient>P\d+)_(?P<cell>.*)\.jpg", PATHS)
    assert given.table["patient"].tolist() == ["P1", "P1", "P2", "P2", ""]
    assert given.table["cell"].tolist() == ["1", "2", "1", "[2]", ""]


def test_a_pattern_over_paths_where_names_do_not_fit():
    assert read_groups(r"(?P<slide>[ab])/.*", PATHS).table["slide"].tolist() == list("aaabb")


@pytest.mark.parametrize(
    ("pattern", "words"),
    [("(?P<patient", "neither a .csv"), (r"P\d+_.*", "names no group"), (r"(?P<patient>Q\d+)_.*", "fits none")],
)
def test_a_pattern_that_cannot_be_used_is_named(pattern, words):
    with pytest.raises(UserError, match=words):
        read_groups(pattern, PATHS)


def test_a_csv_of_paths_names_and_globs(tmp_path):
    file = csv(tmp_path, "file,patient,slide\na/P1_*,1,s\nP2_1.jpg,2,\nb/P2_[2].jpg,2,t\ngone.jpg,3,t\n")
    given = read_groups(file, PATHS)
    assert given.table["patient"].tolist() == ["1", "1", "2", "2", ""]
    assert given.table["slide"].tolist() == ["s", "s", "", "t", ""]
    assert given.without_files == ["gone.jpg"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file\nx.jpg\n", "at least one of"),
        ("name,patient\nx.jpg,1\n", "column `file`"),
        ("", "can't be read"),
        ("file,patient\nx.jpg,1\nb/*,2\n", r"b/x\.jpg \(1 and 2\)"),
        ("file,patient\nnothing.jpg,1\n", "fits none"),
    ],
)
def test_a_csv_that_cannot_be_used_is_named(tmp_path, text, words):
    with pytest.raises(UserError, match=words):
        read_groups(csv(tmp_path, text), PATHS)


def test_a_name_that_two_classes_have_must_be_written_with_its_class(tmp_path):
    with pytest.raises(UserError, match="Write <class>/<name>"):
        read_groups(csv(tmp_path, "file,patient\n1.jpg,P1\n"), ["a/1.jpg", "b/1.jpg"])


def test_what_is_given_and_what_is_found_are_united():
    table = pd.DataFrame({"patient": ["1", "", "1", "2", ""], "slide": ["", "s", "s", "", ""]})
    assert united(np.array([0, 1, 2, 3, 3]), table).tolist() == [0, 0, 0, 1, 1]
    assert united(np.array([7, 7, 9]), pd.DataFrame({"cell": ["", "", ""]})).tolist() == [0, 0, 1]


def test_the_level_is_the_widest_kind():
    assert level_of([]) == "photograph"
    assert level_of(["cell", "patient", "slide"]) == "patient"
    assert level_of(["cell", "hospital"]) == "hospital"


def test_own_parts(tmp_path):
    file = csv(tmp_path, "file,part\na/*,train\nP2_[2].jpg,test\nx.jpg,valid\n")
    assert read_parts(file, PATHS).tolist() == ["train", "train", "train", "test", "valid"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file,part\na/*,train\n", "no part to 2 of 5 images"),
        ("file,part\n*,train\n", "no image to the part test"),
        ("file,part\n*,training\n", "'training'"),
        ("file,part\n*,train\nx.jpg,test\n", "two things"),
        ("file,split\n*,train\n", "columns `file` and `part`"),
    ],
)
def test_own_parts_that_cannot_be_used_are_named(tmp_path, text, words):
    with pytest.raises(UserError, match=words):
        read_parts(csv(tmp_path, text), PATHS)
