"""Images named by files, folders, patterns and zips; what can't be read, or has no end, is a reason."""

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wbc.fetch.zip_entries import DAMAGE
from wbc.predict.sources import list_sources


@pytest.fixture
def cell(tmp_path):
    Image.new("RGB", (20, 20), "red").save(tmp_path / "cell.png")
    return tmp_path / "cell.png"


def why(source):
    """Why a source can't be read, or ""."""
    try:
        source.read()
    except DAMAGE as error:
        return str(error)
    return ""


def names(sources):
    return [Path(source.name).name for source in sources]


def test_links_to_folders_are_followed_and_each_folder_is_read_once(cell, tmp_path):
    elsewhere, cells = tmp_path / "elsewhere", tmp_path / "cells"
    elsewhere.mkdir()
    cells.mkdir()
    (elsewhere / "a.png").write_bytes(cell.read_bytes())
    (elsewhere / "back").symlink_to("..")  # a circle
    (cells / "linked").symlink_to(elsewhere)
    (cells / "twice").symlink_to(elsewhere)
    assert str(cells / "linked/a.png") in [source.name for source in list_sources([str(cells)])]
    assert names(list_sources([str(cells)])).count("a.png") == 1


def test_what_has_no_end_is_a_reason(cell, tmp_path):
    """Read, a pipe without a writer or /proc/kmsg would wait for ever, and a device would fill the memory."""
    folder = tmp_path / "endless"
    folder.mkdir()
    os.mkfifo(folder / "pipe.png")
    for name, target in (("zero", "/dev/zero"), ("kmsg", "/proc/kmsg"), ("core", "/proc/kcore"), ("lost", "nowhere")):
        (folder / f"{name}.png").symlink_to(target)
    (folder / "cell.png").symlink_to(cell)
    found = {Path(source.name).stem: source for source in list_sources([str(folder)])}
    assert found["cell"].read() == cell.read_bytes()
    assert all("may have no end" in why(found[name]) for name in ("pipe", "zero"))
    assert found["kmsg"].read() == b"" and "No such file" in why(found["lost"])
    assert why(found["core"]) or not Path("/proc/kcore").exists() or found["core"].read() == b""


def test_files_patterns_and_zips_are_read_and_each_image_once(cell, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile("cells.zip", "w") as archive:
        archive.write(cell, "deep/down/a.png")
        archive.writestr("deep/notes.txt", "passed over")
        archive.writestr("__MACOSX/._a.png", "passed over")
    found = [source.name for source in list_sources(["cell.png", "*.png", "cells.zip", "cells.zip"])]
    assert found == ["cell.png", "cells.zip/deep/down/a.png"]


def test_entries_of_one_name_and_those_that_lead_out_of_a_zip_are_reasons(cell, tmp_path):
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        for name in ("twice.png", "twice.png", "../out.png", "a/../../out.png", "/etc/out.png", "fine.png"):
            archive.write(cell, name)
            archive.infolist()[-1].filename = name  # as it is, without zipfile's own corrections
    found = [
        (source.name.removeprefix(f"{tmp_path}/odd.zip/"), why(source))
        for source in list_sources([str(tmp_path / "odd.zip")])
    ]
    assert [name for name, reason in found if not reason] == ["fine.png"]
    assert [reason for name, reason in found if name == "twice.png"] == [
        "the zip holds several entries of this name"
    ] * 2
    assert sum("leads out of the zip" in reason for _, reason in found) >= 2 and len(found) == 6


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_entry_of_a_zip_is_a_reason(cell, tmp_path, method):
    noise = np.random.default_rng(1).integers(256, size=(64, 64, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise // 8 * 8).save(stream, "BMP")
    file = tmp_path / "damaged.zip"
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("damaged.bmp", stream.getvalue())
        archive.write(cell, "cell.png")
    content = bytearray(file.read_bytes())
    content[60:80] = bytes(byte ^ 0xFF for byte in content[60:80])
    file.write_bytes(content)
    damaged, fine = list_sources([str(file)])
    assert why(damaged) and fine.read() == cell.read_bytes()


def test_an_entry_that_python_does_not_read_says_why_and_a_macs_names_keep_their_letters(cell, tmp_path):
    file = tmp_path / "mac.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.write(cell, "\xfc.png")
        archive.write(cell, "a.png")
    content = bytearray(file.read_bytes())
    for entry, (flags, method, name) in ((b"PK\x03\x04", (6, 8, 30)), (b"PK\x01\x02", (8, 10, 46))):
        at = content.index(entry)
        assert content[at + name : at + name + 2] == "\xfc".encode()
        content[at + flags + 1] &= ~0x08  # "the name is UTF-8", which Macs leave out
        content[content.rindex(entry) + method] = 9
    file.write_bytes(content)
    first, second = list_sources([str(file)])
    assert first.name == f"{file}/\xfc.png" and not why(first)
    assert "Deflate64" in why(second)
