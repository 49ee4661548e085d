"""What would end a run, or be lost in it, is found before."""

import sys

import pytest
import yaml

from stages import fetch
from tests.stages.test_fetch import SETTINGS
from wbc.common.errors import UserError
from wbc.fetch.archive_check import check_archive, check_only_delivered

RESULTS = ("data/images", "models")


@pytest.fixture(params=[".dvc/tmp/exps/temp1a2b", "project"])
def folder(request, tmp_path, monkeypatch):
    """A folder to work in, a copy of DVC's or not; data/archive holds nothing but what Git knows."""
    here = tmp_path / request.param
    (here / "data/archive").mkdir(parents=True)
    (here / "data/archive/README.md").write_text("images belong here")
    monkeypatch.chdir(here)
    return here


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


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
    with pytest.raises(UserError) as error:
        check_archive("fetch.archive", archive)
    added = is_copy(folder) and not archive.startswith("/")
    assert ("by `dvc add` first" in str(error.value)) == added


@pytest.mark.parametrize("archive", ["/home/other/cells.zip", "~/cells.zip", "", 2024, None, True])
def test_an_archive_that_is_not_there_is_named(project, archive):
    with pytest.raises(UserError, match="Name one that is there") as error:
        check_archive("external.there.archive", archive)
    assert "`external.there.archive` in params.yaml is " in str(error.value)
    assert repr(archive) in str(error.value)
    assert ("write it out" in str(error.value)) == (archive == "~/cells.zip")
    assert ("write '2024', in quotes" in str(error.value)) == (archive == 2024)


@pytest.mark.parametrize(
    "archive", ["data/images", "data/images/mine/", "data", ".", "models/deployed", "data/archive/../images"]
)
def test_an_archive_where_results_are_written_is_refused(project, archive):
    for name in ("data/images/mine", "data/archive", "models/deployed"):
        (project / name).mkdir(parents=True)
    with pytest.raises(UserError, match=r"stages write to (data/images|models)\."):
        check_archive("fetch.archive", archive, RESULTS)
    check_archive("fetch.archive", "data/archive", RESULTS)


def test_without_a_manifest_every_file_is_the_users(project):
    check_only_delivered(project / "images", project)
    (project / "images/basophil").mkdir(parents=True)
    (project / "images/link").symlink_to(".")
    (project / "images/basophil/1.jpg").write_bytes(b"image")
    with pytest.raises(UserError, match="holds 2 files that no run put there"):
        check_only_delivered(project / "images", project)
    (project / "manifest.csv").write_text("path,label,sha256,width,height\n")
    with pytest.raises(UserError, match="holds 2 files"):
        check_only_delivered(project / "images", project)
