"""What a command line names to be written costs nobody a file of theirs."""

import pytest

from wbc.common.errors import UserError
from wbc.common.files import replacing
from wbc.predict.outputs import file_to_write, folder_to_write


def test_files_that_may_be_written(tmp_path):
    (tmp_path / "old.csv").write_text("old")
    for name in ("new.csv", "old.csv", "no/folder/NEW.CSV"):
        assert file_to_write(str(tmp_path / name), (".csv", ".json")) == tmp_path / name
    assert file_to_write(str(tmp_path / "any")) == tmp_path / "any"


@pytest.mark.parametrize(("name", "words"), [("folder", "is a folder"), ("out.xlsx", "doesn't end in .csv or .json")])
def test_files_that_may_not(tmp_path, name, words):
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match=words):
        file_to_write(str(tmp_path / name), (".csv", ".json"))


def test_a_folder_that_holds_nothing_else_may_be_written(tmp_path):
    assert folder_to_write(tmp_path / "new", ["a"]) == tmp_path / "new"
    (tmp_path / "a").write_text("old")
    assert folder_to_write(tmp_path, ["a", "b"]) == tmp_path


def test_a_folder_with_others_files_or_a_file_may_not(tmp_path):
    (tmp_path / "thesis.docx").write_text("years of work")
    with pytest.raises(UserError, match=r"holds other files, such as thesis\.docx"):
        folder_to_write(tmp_path, ["a"])
    with pytest.raises(UserError, match="is a file"):
        folder_to_write(tmp_path / "thesis.docx", ["a"])


def test_a_file_never_takes_the_place_of_a_folder(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/kept").write_text("kept")
    with pytest.raises(IsADirectoryError), replacing(tmp_path / "folder") as partial:
        partial.write_text("a page")
    assert (tmp_path / "folder/kept").read_text() == "kept" and len(list(tmp_path.iterdir())) == 1
