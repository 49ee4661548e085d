import json

import pytest
import yaml

from stages import sources
from wbc.core.errors import UserError


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a function that writes params.yaml in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/archive").mkdir(parents=True)

    def write(source="synthetic", archive="data/archive", external=None):
        content = {"fetch": {"source": source, "archive": archive, "on_bad_image": "stop"}, "external": external or {}}
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))

    return write


@pytest.mark.parametrize("archive", ["/home/other/cells.zip", "~/cells.zip", "", 2024, None])
@pytest.mark.parametrize(("source", "word"), [("archive", "Name one that is there"), ("synthetic", "data/archive")])
def test_an_archive_that_is_not_there_is_named(write, archive, source, word):
    write(source, archive)
    with pytest.raises(UserError, match=word) as error:
        sources.check()
    assert "`fetch.archive`" in str(error.value)
    assert repr(archive) in str(error.value)
    assert ("write it out" in str(error.value)) == (archive == "~/cells.zip")
    assert ("write '2024', in quotes" in str(error.value)) == (archive == 2024)


@pytest.mark.parametrize("archive", ["data/raw", "data/raw/mine/", "data", ".", "models/use", "data/archive/../raw"])
def test_an_archive_where_results_are_written_is_refused(write, tmp_path, archive):
    for folder in ("data/raw/mine", "models/use"):
        (tmp_path / folder).mkdir(parents=True)
    write("archive", archive)
    with pytest.raises(UserError, match=r"stages write to (data/raw|models)\."):
        sources.check()


def test_images_that_were_kept_may_be_named(write, tmp_path):
    (tmp_path / "data/found/1").mkdir(parents=True)
    write("archive", "data/found/1")
    assert sources.check() == "archive"


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
