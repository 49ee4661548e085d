"""The manifest's rows, and what is said of images that need converting or can't be used."""

import hashlib

import pytest
from PIL import Image

from wbc.common.errors import UserError
from wbc.fetch.manifest import EXAMPLES, build_manifest, count_classes, quarantine_bad, refuse_bad, refuse_vanished


def save(file, mode="RGB", size=(12, 9), **options):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, "red" if mode == "RGB" else 100).save(file, **options)


def test_a_row_holds_the_file_and_the_size_after_rotation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path / "basophil/1.jpg", exif=exif)
    [row] = build_manifest(tmp_path).rows
    content = (tmp_path / "basophil/1.jpg").read_bytes()
    assert row == ("basophil/1.jpg", "basophil", hashlib.sha256(content).hexdigest(), 9, 12)


def test_rows_are_sorted_by_code_point(tmp_path):
    names = ["b/1.png", "B/1.png", "a-b/1.png", "a/10.png", "a/2.png", "a/é.png", "a/Z.png"]
    for name in names:
        save(tmp_path / name)
    assert [row.path for row in build_manifest(tmp_path).rows] == sorted(names)


def test_conversions_are_counted_with_a_few_examples(tmp_path):
    for number in range(EXAMPLES + 5):
        save(tmp_path / f"basophil/{number:02d}.png", mode="L")
    save(tmp_path / "monocyte/1.png")
    inventory = build_manifest(tmp_path)
    examples = [f"basophil/{number:02d}.png" for number in range(EXAMPLES)]
    assert inventory.converted == {"grayscale to RGB": {"count": EXAMPLES + 5, "examples": examples}}
    assert count_classes(inventory.rows) == {"basophil": EXAMPLES + 5, "monocyte": 1}


def test_bad_files_are_listed_and_quarantine_bad(tmp_path):
    raw, quarantine = tmp_path / "raw", tmp_path / "quarantine"
    save(raw / "basophil/1.png")
    (raw / "basophil/2.png").write_bytes(b"no image")
    (raw / "basophil/3.png").write_bytes(b"")
    inventory = build_manifest(raw)
    assert [row.path for row in inventory.rows] == ["basophil/1.png"]
    assert [path for path, _ in inventory.bad] == ["basophil/2.png", "basophil/3.png"]
    quarantine_bad(inventory.bad, raw, quarantine)
    assert (quarantine / "basophil/2.png").read_bytes() == b"no image"
    assert [path.name for path in (raw / "basophil").iterdir()] == ["1.png"]


def test_every_bad_file_is_named_when_the_stage_stops():
    bad = [(f"basophil/{number}.png", "the file is empty") for number in range(500)]
    with pytest.raises(UserError) as error:
        refuse_bad(bad, rows=[])
    assert all(f"{number}.png" in str(error.value) for number in range(500))
    assert str(error.value).count("the file is empty") == 1
    refuse_bad([], rows=[])


def test_a_class_may_not_vanish(tmp_path):
    save(tmp_path / "basophil/1.png")
    rows = build_manifest(tmp_path).rows
    refuse_vanished(["basophil"], rows, bad=[])
    with pytest.raises(UserError, match=r"monocyte(.|\n)*2\.png: damaged") as error:
        refuse_vanished(["basophil", "monocyte"], rows, [("basophil/3.png", "small"), ("monocyte/2.png", "damaged")])
    assert "3.png" not in str(error.value)
