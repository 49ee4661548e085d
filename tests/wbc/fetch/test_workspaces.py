"""Images that lie in the user's folder alone are not in DVC's copy of it, and the messages say so."""

import sys

import pytest
import yaml

from stages import fetch, sources
from tests.stages.test_fetch import SETTINGS
from wbc.common.errors import UserError


@pytest.fixture(params=[".dvc/tmp/exps/temp1a2b", "project"])
def folder(request, tmp_path, monkeypatch):
    """A folder to work in, a copy of DVC's or not; data/archive holds nothing but what Git knows."""
    here = tmp_path / request.param
    (here / "data/archive").mkdir(parents=True)
    (here / "data/archive/README.md").write_text("images belong here")
    monkeypatch.chdir(here)
    return here


def is_copy(folder):
    return ".dvc" in folder.parts


def test_a_folder_without_the_images(folder, monkeypatch, capsys):
    (folder / "params.yaml").write_text(yaml.safe_dump({"fetch": SETTINGS | {"archive": "data/archive"}}))
    monkeypatch.setattr(sys, "argv", ["fetch"])
    with pytest.raises(SystemExit):
        fetch.main()
    said = capsys.readouterr().err
    assert "holds only README.md" in said and ("by `dvc add` first" in said) == is_copy(folder)


@pytest.mark.parametrize("archive", ["data/archive/cells.zip", "/nowhere/cells.zip"])
def test_a_zip_that_is_not_there(folder, archive):
    content = {"fetch": {"source": "archive", "archive": archive}, "external": {}}
    (folder / "params.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(UserError) as error:
        sources.check()
    added = is_copy(folder) and not archive.startswith("/")
    assert ("by `dvc add` first" in str(error.value)) == added
