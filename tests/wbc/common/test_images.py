"""Decoding: what is converted is said, and what can't be used has a reason."""

import io
import struct
import subprocess
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wbc.common import images
from wbc.common.errors import UserError
from wbc.common.images import MIN_SIDE, BadImage, decode, resize

TOP = Path(__file__).parents[3]
GRADIENT = np.add.outer(np.arange(20) * 6, np.arange(30) * 4).astype(np.uint8)  # (20, 30): wider than high
COLOR = Image.fromarray(np.stack([GRADIENT, GRADIENT[:, ::-1], 255 - GRADIENT], axis=-1))
NOISE = Image.fromarray(np.random.default_rng(0).integers(256, size=(40, 40, 3), dtype=np.uint8))  # hardly compresses

# pytest undoes the filter that the module sets for these.
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning"),
]


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_16_bit(levels):
    """A PNG of 16-bit RGB levels (height, width, 3), which Pillow can read but not write."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width, _ = levels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in levels)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_a_lossless_rgb_image_is_as_it_was(kind):
    pixels, notes = decode(encoded(COLOR, kind))
    assert np.array_equal(pixels, np.asarray(COLOR))
    assert notes == []


@pytest.mark.parametrize(
    ("image", "kind", "notes"),
    [
        (COLOR.convert("L"), "JPEG", ["grayscale to RGB"]),
        (COLOR.convert("1"), "PNG", ["grayscale to RGB"]),
        (COLOR.convert("P"), "PNG", ["palette to RGB"]),
        (COLOR.convert("CMYK"), "JPEG", ["CMYK to RGB"]),
        (COLOR.convert("RGBA"), "PNG", ["transparency laid on white"]),
        (COLOR.convert("LA"), "PNG", ["transparency laid on white"]),
    ],
)
def test_other_kinds_of_pixels_become_rgb_and_are_said(image, kind, notes):
    pixels, said = decode(encoded(image, kind))
    assert pixels.shape == (20, 30, 3)
    assert pixels.dtype == np.uint8
    assert said == notes


def test_16_bit_gray_keeps_black_and_white():
    levels = np.linspace(0, 65535, 400).reshape(20, 20).astype(np.uint16)
    pixels, notes = decode(encoded(Image.fromarray(levels), "PNG"))
    assert pixels.min() == 0
    assert pixels.max() == 255
    assert notes == ["16-bit to 8-bit", "grayscale to RGB"]


def test_16_bit_color_is_said():
    pixels, notes = decode(png_16_bit(np.full((10, 10, 3), 0x8000)))
    assert np.unique(pixels).tolist() == [0x80]
    assert notes == ["16-bit to 8-bit"]


def test_clear_pixels_become_white():
    clear = Image.new("RGBA", (10, 10), (200, 0, 0, 0))
    assert np.all(decode(encoded(clear, "PNG"))[0] == 255)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_opacity_is_the_same_in_every_band_of_a_high_image(mode):
    noise = NOISE.resize((12, 1300)).convert(mode)
    if mode == "P":
        noise.info["transparency"] = 7
    else:
        noise.putalpha(NOISE.resize((12, 1300)).convert("L"))
    content = encoded(noise, "PNG")
    image = Image.open(io.BytesIO(content)).convert("RGBA")
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    assert np.array_equal(decode(content)[0], np.asarray(Image.alpha_composite(white, image).convert("RGB")))


def test_exif_rotation_turns_the_pixels():
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn by 90 degrees clockwise
    pixels, notes = decode(encoded(COLOR, "PNG", exif=exif))
    assert np.array_equal(pixels, np.rot90(np.asarray(COLOR), -1))
    assert notes == ["rotated as its EXIF says"]


def test_the_first_of_several_frames_is_used():
    first = COLOR.convert("P")
    content = encoded(first, "GIF", save_all=True, append_images=[first.rotate(90), first.rotate(180)], duration=10)
    pixels, notes = decode(content)
    assert "first of several frames" in notes
    assert np.array_equal(pixels, decode(encoded(first, "GIF"))[0])


def test_a_jpeg_with_more_pictures_behind_the_first_is_a_jpeg(tmp_path):
    file = tmp_path / "1.jpg"
    COLOR.save(file, "MPO", save_all=True, append_images=[COLOR])
    assert decode(file)[1] == ["first of several frames"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("1.png", b"", "empty"),
        ("1.png", b"these are notes, not pixels", "not a readable image"),
        ("1.jpg", encoded(COLOR, "PNG"), "named .jpg but holds a PNG"),
        ("1", encoded(COLOR, "PNG"), "without an ending"),
        ("1.jpg", encoded(NOISE, "JPEG")[:-100], "damaged"),
        ("1.png", encoded(NOISE, "PNG")[:-100], "damaged"),
        ("1.png", encoded(Image.new("RGB", (1, 1)), "PNG"), "1 x 1 pixels"),
        ("1.png", encoded(Image.new("RGB", (MIN_SIDE - 1, 50)), "PNG"), "at least 8 x 8"),
        ("1.png", encoded(Image.new("1", (13_000, 12_000)), "PNG"), "at most 150,000,000"),
        ("1.png", encoded(Image.new("1", (20_000, 20_000)), "PNG"), "more than 150,000,000"),
        ("1.tif", encoded(COLOR.convert("F"), "TIFF"), "floating-point"),
        ("1.tif", encoded(Image.fromarray(np.full((9, 9), 70_000, np.int32)), "TIFF"), "not unsigned"),
    ],
)
def test_what_can_not_be_used_has_a_reason(tmp_path, name, content, reason):
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(BadImage, match=reason):
        decode(file)


def test_a_very_large_image_is_read():
    pixels, _ = decode(encoded(Image.new("RGB", (10_000, 10_000), (9, 8, 7)), "PNG", compress_level=1))
    assert pixels.shape == (10_000, 10_000, 3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF", "GIF", "WEBP"])
def test_no_damage_ends_in_another_error(kind):
    """Every byte string is an image or a `BadImage`: Pillow raises many other errors on damaged files."""
    several = {"save_all": True, "append_images": [COLOR.rotate(180)]} if kind in ("TIFF", "GIF", "WEBP") else {}
    whole = encoded(COLOR, kind, **several)
    rng = np.random.default_rng(0)
    for trial in range(200):
        content = bytearray(whole)
        if trial % 2:
            del content[rng.integers(len(content)) :]
        else:
            for place in rng.integers(len(content), size=5):
                content[place] = rng.integers(256)
        try:
            pixels, _ = decode(bytes(content))
        except BadImage:
            continue
        assert pixels.ndim == 3
        assert pixels.dtype == np.uint8


def test_resize_averages_what_it_makes_smaller():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    small = resize(stripes, 16)
    assert small.shape == (16, 16, 3)
    assert np.abs(small[2:-2, 2:-2].astype(int) - 127).max() <= 2, "no stripe survives as an alias"


def test_resize_leaves_an_image_of_the_right_size_alone():
    pixels = np.asarray(COLOR.resize((24, 24)))
    assert np.array_equal(resize(pixels, 24), pixels)


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_levels_of_a_camera_stored_in_16_bits_are_refused_and_not_made_black(bits):
    levels = np.linspace(0, 2**bits - 1, 400).reshape(20, 20).astype(np.uint16)
    for content in (encoded(Image.fromarray(levels), "PNG"), encoded(Image.fromarray(levels), "TIFF")):
        with pytest.raises(BadImage, match=f"{2**bits - 1:,}"):
            decode(content)
    with pytest.raises(BadImage, match="white may be"):
        decode(png_16_bit(np.stack([levels] * 3, axis=-1)))


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull"),
        (b"  <!DOCTYPE html><html>log in</html>", "web page"),
        (b"<?xml version='1.0'?><annotation/>", "XML"),
        (b"PK\x03\x04", "zip"),
    ],
)
def test_what_came_in_place_of_an_image_is_recognized(content, word):
    with pytest.raises(BadImage, match=word):
        decode(content, suffix=".jpg")


def test_all_threads_together_decode_no_more_pixels_than_the_budget(monkeypatch):
    decoding, most = [], []

    def load(image):
        decoding.append(image.size)
        most.append(sum(width * height for width, height in decoding))
        time.sleep(0.01)
        decoding.remove(image.size)
        return np.asarray(image), []

    monkeypatch.setattr(images, "_load", load)
    monkeypatch.setattr(images, "BUDGET", images.PixelBudget(2000))
    sizes = [(30, 30), (30, 31), (40, 50), (30, 32), (100, 100)] * 4
    contents = [encoded(Image.new("RGB", size), "PNG") for size in sizes]
    with ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(decode, contents))) == len(sizes)
    assert max(most) == 100 * 100, "a larger image than the budget is decoded alone"
    assert sorted(most)[-5] <= 2000


def test_the_budget_is_asked_before_anything_is_decoded(monkeypatch):
    monkeypatch.setattr(images, "MAX_PIXELS", 100)
    monkeypatch.setattr(images, "_load", None)
    with pytest.raises(BadImage, match="at most 100"):
        decode(encoded(COLOR, "PNG"))


MEASURE = """
import resource, sys
from concurrent.futures import ThreadPoolExecutor
from wbc.common import images
images.BUDGET = images.PixelBudget(4000 * 4000)
content, threads = open(sys.argv[1], "rb").read(), int(sys.argv[2])
with ThreadPoolExecutor(threads) as pool:
    list(pool.map(lambda _: images.decode(content)[0].shape, range(threads)))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_eight_threads_need_hardly_more_memory_than_one(tmp_path):
    Image.new("RGBA", (4000, 4000)).save(tmp_path / "large.png")
    one, eight = (
        int(subprocess.run([sys.executable, "-c", MEASURE, tmp_path / "large.png", str(threads)], cwd=TOP, check=True,
                           capture_output=True).stdout)
        for threads in (1, 8)
    )  # fmt: skip
    assert eight < 1.5 * one, "1.1 times; 3.5 times where every thread keeps what it has freed"


@pytest.mark.parametrize(("content", "reason"), [(b"", "empty"), (b"<html>", "not a readable image|web page")])
def test_a_damaged_file_of_the_pipeline_is_a_users_message_with_its_path(tmp_path, content, reason):
    file = tmp_path / "cell.png"
    file.write_bytes(content)
    with pytest.raises(UserError, match=rf"cell\.png can't be used: .*({reason}).* Type `dvc repro`"):
        decode(file)
