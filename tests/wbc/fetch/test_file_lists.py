"""A user's list is read as it is meant, or refused with what is wrong with it."""

import pytest

from wbc.common.errors import UserError
from wbc.fetch.file_lists import read_list


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
    ],
)
def test_what_cannot_be_read_as_it_is_meant_is_refused(tmp_path, content, words):
    (tmp_path / "list.csv").write_bytes(content)
    with pytest.raises(UserError, match=words):
        read_list(tmp_path / "list.csv")
