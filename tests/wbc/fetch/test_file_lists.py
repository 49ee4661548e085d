"""A user's list is read as it is meant, or refused with what is wrong with it."""

import pytest

from wbc.common.errors import UserError
from wbc.fetch.file_lists import assign, read_list


@pytest.mark.parametrize(
    "content",
    [
        b"file,label\na.png,NA\n",
        b"\xef\xbb\xbffile,label\r\na.png,NA\r\n",  # as spreadsheet programs write it
        b" file , label \n\n a.png , NA \n",
    ],
)
def test_names_and_values_are_text_without_blanks(tmp_path, content):
    (tmp_path / "list.csv").write_bytes(content)
    assert read_list(tmp_path / "list.csv").to_dict("records") == [{"file": "a.png", "label": "NA"}]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"file;label\na.png;x\n", "has semicolons between its columns. Save it with commas"),
        (b"file\tlabel\na.png\tx\n", "has tabs between"),
        ("file,label\nä.png,x\n".encode("latin-1"), "isn't UTF-8"),
        ("file,label\na.png,x\n".encode("utf-16"), "isn't UTF-8"),
        (b"file,label\na.png,x,\nb.png,y,\n", "has rows with more columns than its first row names"),
        (b"file,label\na.png,x\nb.png,y,z\n", "can't be read as a CSV"),
        (b'file,label\n"a.png,x\n', "can't be read as a CSV"),
        (b"", "can't be read as a CSV"),
        (b"file,label\n", "lists nothing"),
        (b"file,label\n,x\n", "names no file in 1 rows, such as row 2"),
        (b"file,patient\na.png,P1\nb.png,NA\n", "has 'NA' in the column `patient`, row 3. Leave the cell empty"),
        (b"file,slide\na.png,nan\n", "has 'nan' in the column `slide`"),
        (b"file,slide\na.png,#N/A\n", "has '#N/A'"),
    ],
)
def test_what_cannot_be_read_as_it_is_meant_is_refused(tmp_path, content, words):
    (tmp_path / "list.csv").write_bytes(content)
    with pytest.raises(UserError, match=words):
        read_list(tmp_path / "list.csv")


def test_a_row_that_is_shorter_than_the_first_has_empty_values(tmp_path):
    (tmp_path / "list.csv").write_bytes(b"file,label\na.png\nb.png,x\n")
    assert read_list(tmp_path / "list.csv")["label"].tolist() == ["", "x"]


def said_of(tmp_path, rows, paths=("basophil/1.png", "mono/P1/1.png", "mono/P1/2.png")):
    (tmp_path / "list.csv").write_text("file,slide\n" + rows)
    assigned, without = assign(tmp_path / "list.csv", read_list(tmp_path / "list.csv"), ["slide"], paths)
    return assigned["slide"].tolist(), without


@pytest.mark.parametrize(
    ("rows", "slides"),
    [
        ("basophil/1.png,a\n", ["a", "", ""]),
        ("basophil\\1.png,a\n", ["a", "", ""]),
        (".\\mono\\P1\\1.png,a\n", ["", "a", ""]),
        ("P1/2.png,a\n", ["", "", "a"]),
        ("2.png,a\n", ["", "", "a"]),
        ("mono/*,a\n", ["", "a", "a"]),
        ("mono\\*,a\n", ["", "a", "a"]),
    ],
)
def test_files_are_named_by_the_end_of_their_path_as_any_system_writes_it(tmp_path, rows, slides):
    assert said_of(tmp_path, rows) == (slides, [])


@pytest.mark.parametrize("name", ["\\", "/", "C:\\basophil\\1.png", "png", "1.PNG", "/data/basophil/1.png"])
def test_names_that_fit_nothing_are_returned(tmp_path, name):
    assert said_of(tmp_path, f"{name},a\n") == (["", "", ""], [name])


def test_a_name_that_fits_two_images_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"names 1\.png, which is the name of basophil/1\.png, mono/P1/1\.png"):
        said_of(tmp_path, "1.png,a\n")
