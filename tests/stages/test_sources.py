import json
from pathlib import Path

import pytest
import yaml

from stages import sources
from wbc.common.errors import UserError


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a function that writes params.yaml in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/archive").mkdir(parents=True)

    def write(source="synthetic", archive="data/archive", external=None):
        content = {"fetch": {"source": source, "archive": archive, "on_bad_image": "stop"}, "external": external or {}}
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))

    return write


WRONG = ["/home/other/cells.zip", "~/cells.zip", "", 2024, None]


@pytest.mark.parametrize("archive", WRONG)
def test_an_archive_that_is_not_there_is_named(write, archive):
    write("archive", archive)
    with pytest.raises(UserError, match="Name one that is there") as error:
        sources.check()
    assert "`fetch.archive`" in str(error.value)
    assert repr(archive) in str(error.value)
    assert ("write it out" in str(error.value)) == (archive == "~/cells.zip")
    assert ("write '2024', in quotes" in str(error.value)) == (archive == 2024)


@pytest.mark.parametrize("archive", [*WRONG, "data/images"])
def test_an_archive_that_is_not_used_need_not_be_there(write, archive):
    write("synthetic", archive)
    sources.main()
    assert not sources.SOURCE.is_symlink() and sources.SOURCE.read_bytes() == b""


@pytest.mark.parametrize("absolute", [True, False])
def test_it_leads_to_the_archive_also_in_a_moved_project(write, tmp_path, absolute):
    (tmp_path / "data/archive/a").mkdir()
    write("archive", str(tmp_path / "data/archive") if absolute else "data/archive")
    sources.main()
    assert [path.name for path in sources.SOURCE.iterdir()] == ["a"]
    assert sources.SOURCE.readlink() == (tmp_path / "data/archive" if absolute else Path("archive"))
    write("synthetic")
    sources.main()
    assert sources.SOURCE.is_file(), "the link is replaced ..."
    assert (tmp_path / "data/archive/a").is_dir(), "... and not what it led to"


@pytest.mark.parametrize(
    "archive", ["data/images", "data/images/mine/", "data", ".", "models/deployed", "data/archive/../raw"]
)
def test_an_archive_where_results_are_written_is_refused(write, tmp_path, archive):
    for folder in ("data/images/mine", "models/deployed"):
        (tmp_path / folder).mkdir(parents=True)
    write("archive", archive)
    with pytest.raises(UserError, match=r"stages write to (data/images|models)\."):
        sources.check()


def test_images_that_were_kept_may_be_named(write, tmp_path):
    (tmp_path / "data/found/1").mkdir(parents=True)
    write("archive", "data/found/1")
    assert sources.check().archive == "data/found/1"


def test_another_laboratorys_archive_that_is_not_there_is_named(write):
    write(external={"here": {"archive": "data/archive"}, "there": {"archive": "/nowhere/cells.zip", "crop": 0.6}})
    with pytest.raises(UserError, match=r"`external\.there\.archive` in params\.yaml is '/nowhere/cells\.zip'"):
        sources.check()


def test_archives_that_are_there_pass(write):
    write("archive", external={"here": {"archive": "data/archive"}})
    sources.main()
    assert json.loads(sources.SOURCES.read_text()) == {"source": "archive"}


def test_a_missing_section_is_named(write, tmp_path):
    (tmp_path / "params.yaml").write_text("fetch: {source: archive, archive: data/archive}\n")
    with pytest.raises(UserError, match="no section `external`"):
        sources.check()
