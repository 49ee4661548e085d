import pytest

from wbc.common.errors import UserError
from wbc.common.tables import read_csv


def test_names_stay_text_and_none_is_missing(tmp_path):
    file = tmp_path / "table.csv"
    file.write_text("path,label,given_slide,group\n007,NA,01,1\n2,10,,2\n")
    table = read_csv(file)
    assert table.astype(object).to_numpy().tolist() == [["007", "NA", "01", 1], ["2", "10", "", 2]]


@pytest.mark.parametrize("content", [b"", b"path,label\n1,2,3\n1,2,3,4\n", b"path\n\xff\xfe\n"])
def test_a_damaged_table_is_named(tmp_path, content):
    file = tmp_path / "table.csv"
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"table\.csv is damaged.*Type `dvc repro`"):
        read_csv(file)
