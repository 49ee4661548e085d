"""The real Kaggle client, against a stand-in server."""

import hashlib
import io
import socket
import zipfile

import pytest

from tests.kaggle_server import API, STORAGE, isolate_client, kaggle_server
from wbc.common.errors import UserError
from wbc.fetch import kaggle_download
from wbc.fetch.kaggle_download import download, without_secrets

DATASET = "owner/white-cells"


def a_zip(text="content"):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("basophil/1.jpg", text)
    return buffer.getvalue()


@pytest.fixture
def server(monkeypatch, tmp_path):
    with kaggle_server(monkeypatch, tmp_path / "home", a_zip()) as server:
        yield server


def kept(cache):
    """Every file that a download left behind."""
    return [path for path in cache.rglob("*") if path.is_file()]


def test_a_public_data_set_comes_without_an_account(server, tmp_path):
    path, sha256 = download(DATASET, 3, tmp_path / "cache")
    assert path.read_bytes() == server.content
    assert sha256 == hashlib.sha256(server.content).hexdigest()
    version = {"ownerSlug": "owner", "datasetSlug": "white-cells", "datasetVersionNumber": 3}
    assert [url for _, url, _ in server.requests] == [f"{API}/GetDatasetMetadata", f"{API}/DownloadDataset", STORAGE]
    assert version.items() <= server.requests[1][2].items()
    assert server.authorizations == []


def test_the_users_own_token_is_used_where_there_is_one(server, tmp_path, monkeypatch):
    monkeypatch.setenv("KAGGLE_USERNAME", "someone")
    monkeypatch.setenv("KAGGLE_KEY", "secret")
    download(DATASET, 1, tmp_path / "cache")
    assert server.authorizations


def test_a_whole_copy_in_the_cache_is_not_downloaded_again(server, tmp_path):
    first = download(DATASET, 1, tmp_path / "cache")
    assert download(DATASET, 1, tmp_path / "cache") == first
    assert server.downloads() == 1
    download(DATASET, 2, tmp_path / "cache")
    assert server.downloads() == 2


def test_a_damaged_copy_in_the_cache_is_downloaded_again(server, tmp_path, capsys):
    path, sha256 = download(DATASET, 1, tmp_path / "cache")
    path.write_bytes(path.read_bytes()[:-1])
    assert download(DATASET, 1, tmp_path / "cache") == (path, sha256)
    assert path.read_bytes() == server.content
    assert "downloaded again" in capsys.readouterr().out


def test_another_content_than_the_pinned_one_is_refused(server, tmp_path):
    asked, found = "0" * 64, hashlib.sha256(server.content).hexdigest()
    with pytest.raises(UserError) as error:
        download(DATASET, 1, tmp_path / "cache", asked)
    assert asked in str(error.value)
    assert found in str(error.value)
    assert kept(tmp_path / "cache") == []
    assert download(DATASET, 1, tmp_path / "cache", found)[1] == found


@pytest.mark.parametrize(
    ("refusal", "advice"),
    [
        ((404, "Dataset not found"), "Check its name and version"),
        ((403, "Permission 'datasets.get' was denied"), "KAGGLE_API_TOKEN"),
        ((401, "Unauthenticated"), "KAGGLE_API_TOKEN"),
        ((500, "An internal server error occurred"), "https://www.kaggle.com/datasets/owner/white-cells"),
    ],
)
def test_a_refusal_says_what_kaggle_said_and_what_to_do(server, tmp_path, refusal, advice):
    server.refusal = refusal
    with pytest.raises(UserError) as error:
        download(DATASET, 7, tmp_path / "cache")
    assert "owner/white-cells, version 7" in str(error.value)
    assert advice in str(error.value)
    assert kept(tmp_path / "cache") == []


def test_nothing_is_kept_of_a_transfer_that_breaks_off(server, tmp_path):
    server.cut_after = len(server.content) // 2
    with pytest.raises(UserError, match="broke off"):
        download(DATASET, 1, tmp_path / "cache")
    assert server.downloads() > 1, "the client tries again by itself"
    assert kept(tmp_path / "cache") == []
    server.cut_after = None
    assert download(DATASET, 1, tmp_path / "cache")[0].read_bytes() == server.content


def test_a_login_page_instead_of_the_zip_is_refused(server, tmp_path):
    server.content = b"<html>please log in</html>"
    with pytest.raises(UserError, match="not a zip"):
        download(DATASET, 1, tmp_path / "cache")
    assert kept(tmp_path / "cache") == []


def test_no_network(monkeypatch, tmp_path):
    with socket.socket() as unused:  # bound but not listening: its port refuses connections
        unused.bind(("127.0.0.1", 0))
        isolate_client(monkeypatch, tmp_path / "home", unused.getsockname()[1])
        with pytest.raises(UserError, match="can't be reached") as error:
            download(DATASET, 1, tmp_path / "cache")
    assert "elsewhere" in str(error.value)
    assert kept(tmp_path / "cache") == []


def test_a_silent_server_is_given_up(server, tmp_path, monkeypatch):
    monkeypatch.setattr(kaggle_download, "SILENCE", 2)
    server.silent = True
    with pytest.raises(UserError, match="0 bytes came in the last 2 s"):
        download(DATASET, 1, tmp_path / "cache")
    assert kept(tmp_path / "cache") == []


def test_no_secret_is_quoted(monkeypatch, tmp_path):
    monkeypatch.setenv("KAGGLE_API_TOKEN", "KGAT_first\nsecond-half")
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path))
    (tmp_path / "kaggle.json").write_text('{"username": "somebody", "key": "0123456789abcdef"}')
    said = without_secrets(
        "Invalid header b'Bearer KGAT_first\nsecond-half' for https://me:pass@host/ with 0123456789abcdef, token=abc"
    )
    for secret in ("KGAT_first", "second-half", "me:pass", "0123456789abcdef", "abc"):
        assert secret not in said
    assert "Invalid header" in said


def test_a_file_that_the_client_renames_meanwhile_is_not_missed(tmp_path, monkeypatch):
    (tmp_path / "cells.zip").write_bytes(bytes(10))
    listed = [tmp_path / "cells.zip.kaggle-partial", tmp_path / "cells.zip"]
    monkeypatch.setattr(type(tmp_path), "glob", lambda self, pattern: iter(listed))
    assert kaggle_download._bytes_in(tmp_path) == 10
