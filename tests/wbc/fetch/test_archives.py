"""Unpacking: bytes unchanged, and nothing unsafe."""

import hashlib
import os
import random
import stat
import time
import zipfile

import pytest

from wbc.common.errors import UserError
from wbc.fetch import archives
from wbc.fetch.archives import unpack

FILES = {"cells/basophil/1.jpg": b"one", "cells/monocyte/1.jpg": b"two"}


def make_zip(path, files=FILES, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def make_folder(path, files=FILES):
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def written(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def patched(path, old, new):
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))


@pytest.mark.parametrize("make", [make_zip, make_folder])
def test_bytes_arrive_unchanged(tmp_path, make):
    report = unpack(make(tmp_path / "cells"), tmp_path / "raw").report
    assert written(tmp_path / "raw") == {"basophil/1.jpg": b"one", "monocyte/1.jpg": b"two"}
    assert report.labels == ["basophil", "monocyte"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../basophil/1.jpg", "leads out"),
        ("basophil/../../1.jpg", "leads out"),
        ("..\\basophil\\1.jpg", "leads out"),
        ("/etc/basophil/1.jpg", "leads out"),
        ("C:\\basophil\\1.jpg", "leads out"),
    ],
)
def test_paths_that_lead_out_are_refused_before_anything_is_written(tmp_path, name, reason):
    source = make_zip(tmp_path / "cells.zip", {**FILES, name: b"bad"})
    with pytest.raises(UserError, match=reason):
        unpack(source, tmp_path / "raw")
    assert not (tmp_path / "raw").exists()


def test_links_in_a_zip_are_refused(tmp_path):
    source = make_zip(tmp_path / "cells.zip")
    link = zipfile.ZipInfo("cells/basophil/2.jpg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(source, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(UserError, match=r"2\.jpg: is a link"):
        unpack(source, tmp_path / "raw")


def test_encrypted_entries_are_refused(tmp_path):
    source = make_zip(tmp_path / "cells.zip")
    content = bytearray(source.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the flag that zip programs set with a password
    source.write_bytes(content)
    with pytest.raises(UserError, match=r"basophil/1\.jpg: is encrypted"):
        unpack(source, tmp_path / "raw")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_in_the_zip_twice_is_refused(tmp_path):
    source = make_zip(tmp_path / "cells.zip")
    with zipfile.ZipFile(source, "a") as archive:
        archive.writestr("cells/basophil/1.jpg", b"another")
    with pytest.raises(UserError, match="twice"):
        unpack(source, tmp_path / "raw")


def test_a_zip_bomb_is_refused_by_what_it_declares(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "SMALL", 100_000)
    files = {**FILES, "cells/basophil/2.jpg": b"\0" * 2_000_000}
    source = make_zip(tmp_path / "cells.zip", files, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(UserError, match="zip bomb"):
        unpack(source, tmp_path / "raw")
    assert not (tmp_path / "raw").exists()


def test_a_zip_bomb_that_declares_too_little_writes_no_more_than_that(tmp_path):
    source = make_zip(
        tmp_path / "cells.zip", {**FILES, "cells/basophil/2.jpg": b"\0" * 1_000_000}, compression=zipfile.ZIP_DEFLATED
    )
    patched(source, (1_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    with pytest.raises(UserError, match=r"damaged at cells/basophil/2\.jpg"):
        unpack(source, tmp_path / "raw")
    assert sum(map(len, written(tmp_path / "raw").values())) <= 1000 + 6


def test_what_is_written_is_counted_whatever_a_zip_declares(tmp_path, monkeypatch):
    def listing(archive, source):
        return {"basophil/1.jpg": lambda: iter([b"\0" * 600] * 1000), "monocyte/1.jpg": lambda: iter([])}, set(), 2000

    monkeypatch.setattr(archives, "_list_zip", listing)
    with pytest.raises(UserError, match="zip bomb"):
        unpack(make_zip(tmp_path / "cells.zip"), tmp_path / "raw")
    assert (tmp_path / "raw/basophil/1.jpg").stat().st_size <= 2000


def test_damage_is_found_by_the_checksum(tmp_path):
    source = make_zip(tmp_path / "cells.zip", {**FILES, "cells/basophil/2.jpg": b"the pixels"})
    patched(source, b"the pixels", b"the pixelz")
    with pytest.raises(UserError, match=r"damaged at cells/basophil/2\.jpg"):
        unpack(source, tmp_path / "raw")


def test_a_zip_that_was_cut_off(tmp_path):
    source = make_zip(tmp_path / "cells.zip")
    source.write_bytes(source.read_bytes()[:-30])
    with pytest.raises(UserError, match="cut off"):
        unpack(source, tmp_path / "raw")


def test_what_is_not_a_zip(tmp_path):
    (tmp_path / "cells.tar").write_bytes(b"something else")
    with pytest.raises(UserError, match="is not a zip"):
        unpack(tmp_path / "cells.tar", tmp_path / "raw")
    with pytest.raises(UserError, match="doesn't exist"):
        unpack(tmp_path / "cells.zip", tmp_path / "raw")


def test_random_damage_is_always_explained(tmp_path):
    """A damaged zip gives its files or a `UserError`, never another error."""
    source = make_zip(tmp_path / "cells.zip", compression=zipfile.ZIP_DEFLATED)
    whole, rng = source.read_bytes(), random.Random(0)
    for trial in range(300):
        content = bytearray(whole)
        for _ in range(2):
            content[rng.randrange(len(content))] = rng.randrange(256)
        source.write_bytes(content)
        try:
            unpack(source, tmp_path / str(trial))
        except UserError:
            continue


def test_names_of_a_mac_zip_that_hides_its_utf_8(tmp_path):
    source = make_zip(tmp_path / "cells.zip", {"granulé/1.jpg": b"one", "monocyte/1.jpg": b"two"})
    content = bytearray(source.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
        content[content.index(signature) + offset] &= ~0x08 & 0xFF
    source.write_bytes(content)
    assert unpack(source, tmp_path / "raw").report.labels == ["granulé", "monocyte"]


def test_backslashes_and_dots_in_names_are_folders(tmp_path):
    source = make_zip(tmp_path / "cells.zip", {"cells\\basophil\\1.jpg": b"one", "./cells/monocyte/1.jpg": b"two"})
    assert unpack(source, tmp_path / "raw").report.labels == ["basophil", "monocyte"]


def test_links_to_files_are_read_and_links_to_folders_refused(tmp_path):
    source = make_folder(tmp_path / "cells")
    (tmp_path / "elsewhere.jpg").write_bytes(b"three")
    (source / "cells/basophil/2.jpg").symlink_to(tmp_path / "elsewhere.jpg")
    unpack(source, tmp_path / "raw")
    assert (tmp_path / "raw/basophil/2.jpg").read_bytes() == b"three"
    assert not (tmp_path / "raw/basophil/2.jpg").is_symlink()
    (source / "cells/eosinophil").symlink_to(source)
    with pytest.raises(UserError, match="eosinophil: is a link to a folder"):
        unpack(source, tmp_path / "again")


@pytest.mark.parametrize("make", [lambda path: path.symlink_to("nowhere"), os.mkfifo])
def test_what_is_no_file_is_refused(tmp_path, make):
    source = make_folder(tmp_path / "cells")
    make(source / "cells/basophil/2.jpg")
    with pytest.raises(UserError, match=r"2\.jpg: is neither a file"):
        unpack(source, tmp_path / "raw")


def test_a_zip_inside_the_folder_is_pointed_at(tmp_path):
    source = make_folder(tmp_path / "archive", {"README.md": b"put images here"})
    make_zip(source / "cells.zip")
    with pytest.raises(UserError, match=r"It holds a zip, .*archive/cells\.zip: name that"):
        unpack(source, tmp_path / "raw")


def test_the_hash_is_that_of_the_bytes_that_were_unpacked(tmp_path, monkeypatch):
    source = make_zip(tmp_path / "cells.zip")
    expected = hashlib.sha256(source.read_bytes()).hexdigest()
    other = make_zip(tmp_path / "other.zip", {**FILES, "cells/basophil/1.jpg": b"another"})

    def swap(*arguments):
        other.replace(source)
        return archives_write(*arguments)

    archives_write = archives._write
    monkeypatch.setattr(archives, "_write", swap)
    assert unpack(source, tmp_path / "raw").sha256 == expected
    assert written(tmp_path / "raw")["basophil/1.jpg"] == b"one"


@pytest.mark.parametrize(("method", "word"), [(9, "Deflate64"), (93, "Zstandard"), (98, "PPMd"), (77, "number 77")])
def test_a_method_that_cannot_be_read_is_named_and_the_zip_not_called_damaged(tmp_path, method, word):
    source = make_zip(tmp_path / "cells.zip")
    content = bytearray(source.read_bytes())
    start = content.index(b"PK\x01\x02")
    content[start + 10 : start + 12] = method.to_bytes(2, "little")
    source.write_bytes(content)
    with pytest.raises(UserError, match=word) as error:
        unpack(source, tmp_path / "raw")
    assert "damaged" not in str(error.value)
    assert not (tmp_path / "raw").exists()


@pytest.mark.parametrize("code", ["gbk", "cp866", "cp932"])
def test_names_in_a_code_that_the_zip_does_not_name_are_refused(tmp_path, code):
    name = {"gbk": "嗜碱", "cp866": "базофил", "cp932": "好塩基球"}[code].encode(code)
    source = make_zip(tmp_path / "cells.zip", {"X" * len(name) + "/1.jpg": b"one", "monocyte/1.jpg": b"two"})
    source.write_bytes(source.read_bytes().replace(b"X" * len(name), name))
    with pytest.raises(UserError, match="UTF-8"):
        unpack(source, tmp_path / "raw")


def test_a_name_of_thousands_of_folders_is_refused_at_once(tmp_path):
    source = make_zip(tmp_path / "cells.zip", {**FILES, "a/" * 15_000 + "1.jpg": b"deep"})
    started = time.monotonic()
    with pytest.raises(UserError, match="lies in 15,000 folders"):
        unpack(source, tmp_path / "raw")
    assert time.monotonic() - started < 10, "quadratic time took minutes"


def test_links_into_dvcs_cache_are_read(tmp_path):
    """A cache that several people share is set up so: `cache.type symlink`."""
    source = make_folder(tmp_path / "cells")
    kept = tmp_path / "cache/files/md5/8b" / "1a9953c4611296a827abf8c47804d7"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"kept")
    (source / "cells/basophil/2.jpg").symlink_to(kept)
    unpack(source, tmp_path / "raw")
    assert (tmp_path / "raw/basophil/2.jpg").read_bytes() == b"kept"


def test_a_link_out_of_the_folder_to_what_is_no_image_is_refused(tmp_path):
    source = make_folder(tmp_path / "cells")
    (tmp_path / "secret").write_text("secret")
    (source / "cells/basophil/2.jpg").symlink_to(tmp_path / "secret")
    with pytest.raises(UserError, match=r"2\.jpg: is a link out of the folder"):
        unpack(source, tmp_path / "raw")
    assert not (tmp_path / "raw").exists()
