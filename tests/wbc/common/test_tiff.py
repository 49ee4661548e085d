"""TIFFs of every kind are read exactly, or refused with a reason."""

import io
import itertools

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.wbc.common.tiff_writer import COMPRESSION, tiff
from wbc.common.images import BadImage, decode

HEIGHT, WIDTH = 20, 23
RNG = np.random.default_rng(0)
# Levels as shares of white; the lower half is bright, as behind a cell.
SHARES = np.concatenate([RNG.random((HEIGHT // 2, WIDTH, 4)), RNG.uniform(0.8, 1, (HEIGHT // 2, WIDTH, 4))])
PALETTE = RNG.integers(2**16, size=(3, 256))
# Number of tag 262 and of channels.
COLORS = {"white is zero": (0, 1), "black is zero": (1, 1), "rgb": (2, 3), "palette": (3, 1), "cmyk": (5, 4)}
FORMS = {"uint": 1, "int": 2, "float": 3}
KINDS = [
    *(("uint", bits) for bits in (1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 32)),
    *(("int", bits) for bits in (8, 16, 32)),
    *(("float", bits) for bits in (16, 32, 64)),
]

pytestmark = pytest.mark.filterwarnings("ignore")  # pytest undoes the filters of the module


def levels_of(form, bits, channels):
    if form == "float":
        return SHARES[..., :channels].astype(f"f{bits // 8}")
    white = 2**bits - 1 if form == "uint" else 2 ** (bits - 1) - 1
    size = next(size for size in (1, 2, 4) if bits <= 8 * size)
    return np.rint(SHARES[..., :channels] * white).astype(f"{form[0]}{size}")


def rounded(levels, white):
    return np.floor(levels.astype(float) * 255 / white + 0.5).astype(int)


def truth(levels, bits, color):
    """What the picture shows by the specification, in floating point."""
    eight = rounded(levels, 2**bits - 1)
    match color:
        case "palette":
            return PALETTE.T[levels[..., 0]] >> 8  # as libtiff; a color may be written as 256 or 257 times its level
        case "white is zero":
            return np.repeat(255 - eight, 3, axis=2)
        case "black is zero":
            return np.repeat(eight, 3, axis=2)
        case "cmyk":
            return np.asarray(Image.fromarray(levels, "CMYK").convert("RGB"))
    return eight


def is_exact(form, bits, color, compression, predictor):
    """Whether levels of this kind have a known white and are read."""
    if form != "uint" or bits > 16:
        return False
    if predictor == 2 and (bits not in (8, 16) or compression in ("none", "packbits")):
        return False
    return bits <= 8 if color == "palette" else bits == 8 if color == "cmyk" else True


@pytest.mark.parametrize(("form", "bits"), KINDS)
def test_every_combination_is_read_exactly_or_refused(form, bits):
    for color, order, planar, compression, predictor in itertools.product(
        COLORS, "<>", (False, True), COMPRESSION, (1, 2)
    ):
        photometric, channels = COLORS[color]
        if (predictor == 2 and (bits not in (8, 16, 32) or form == "float")) or (color == "palette" and bits > 16):
            continue
        tags = {"t320": PALETTE[:, : 2**bits].ravel()} if color == "palette" and bits <= 8 else {}
        levels = levels_of(form, bits, channels)
        content = tiff(
            levels, bits, photometric, order=order, planar=planar, compression=compression, predictor=predictor,
            t339=[FORMS[form]] * channels, **tags,
        )  # fmt: skip
        what = (form, bits, color, order, planar, compression, predictor)
        try:
            pixels, notes = decode(content)
        except BadImage as error:
            assert not is_exact(form, bits, color, compression, predictor), (what, error)
        else:
            assert is_exact(form, bits, color, compression, predictor), what
            assert np.array_equal(pixels, truth(levels, bits, color)), what
            assert (f"{bits}-bit to 8-bit" in notes) == (bits > 8), what


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(("kind", "note"), [(2, "transparency laid on white"), (0, "a further channel left out")])
def test_a_fourth_channel_is_opacity_or_left_out(planar, bits, kind, note):
    levels = levels_of("uint", bits, 4)
    pixels, notes = decode(tiff(levels, bits, 2, planar=planar, t338=kind))
    eight = rounded(levels, 2**bits - 1)
    opacity = eight[..., 3:]
    laid = np.floor((eight[..., :3] * opacity + 255 * (255 - opacity)) / 255 + 0.5).astype(int)
    assert np.array_equal(pixels, laid if kind == 2 else eight[..., :3])
    assert note in notes


@pytest.mark.parametrize(("said", "white"), [(1023, 1023), (4095, 4095), (16383, 16383), (None, 4095), (3000, 4095)])
def test_levels_of_a_camera_need_a_tag_that_says_what_is_white(said, white):
    levels = np.rint(SHARES[..., :1] * white).astype("u2")
    content = tiff(levels, 16, 1, t281=said)
    if said == white:
        assert np.array_equal(decode(content)[0], np.repeat(rounded(levels, white), 3, axis=2))
    else:
        with pytest.raises(BadImage, match="white may be"):
            decode(content)
    levels[0, 0] = 65535
    with pytest.raises(BadImage, match=r"tag 281|white"):
        decode(tiff(levels, 16, 1, t281=said))


@pytest.mark.parametrize("kind", ["TIFF", "PNG"])
def test_a_few_bright_pixels_do_not_make_12_bits_16(kind):
    levels = np.rint(SHARES[..., 0] * 4095).astype(np.uint16)
    levels[0, : WIDTH // 2] = 65535  # a scale bar, or dead pixels
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, kind)
    with pytest.raises(BadImage, match="white may be"):
        decode(buffer.getvalue())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_picture_is_turned_as_its_tag_says(orientation):
    levels = levels_of("uint", 8, 3)
    turned = [levels, levels[:, ::-1], levels[::-1, ::-1], levels[::-1], levels.swapaxes(0, 1),
              np.rot90(levels, -1), levels[::-1, ::-1].swapaxes(0, 1), np.rot90(levels)]  # fmt: skip
    pixels, notes = decode(tiff(levels, 8, 2, t274=orientation))
    assert np.array_equal(pixels, turned[orientation - 1])
    assert ("rotated as its EXIF says" in notes) == (orientation > 1)


@pytest.mark.parametrize("options", [{}, {"tile": (16, 16)}, {"compression": "jpeg"}, {"compression": "tiff_lzw"}])
@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "CMYK", "RGBA", "LA"])
def test_what_pillow_writes_is_read_as_pillow_reads_it(mode, options):
    image = Image.fromarray(levels_of("uint", 8, 3)).resize((48, 32)).convert(mode)
    buffer = io.BytesIO()
    try:
        image.save(buffer, "TIFF", **options)
    except Exception:
        pytest.skip("Pillow doesn't write it")
    expected = Image.open(buffer).convert("RGBA" if mode in ("RGBA", "LA") else "RGB")
    if mode in ("RGBA", "LA"):
        expected = Image.alpha_composite(Image.new("RGBA", image.size, "white"), expected).convert("RGB")
    try:
        pixels, _ = decode(buffer.getvalue())
    except BadImage as error:
        assert options == {"compression": "jpeg"} and mode in ("CMYK", "RGBA", "LA"), error
        return
    assert np.abs(pixels.astype(int) - np.asarray(expected)).max() <= (1 if mode in ("RGBA", "LA") else 0)


def test_a_stack_is_refused_and_a_thumbnail_is_not():
    levels = levels_of("uint", 8, 3)
    with pytest.raises(BadImage, match="several pages, a stack"):
        decode(tiff(levels, 8, 2, pages=2))
    buffer = io.BytesIO()
    small = Image.fromarray(levels).resize((10, 10))
    small.encoderinfo = {"tiffinfo": {254: 1}}
    Image.fromarray(levels).save(buffer, "TIFF", save_all=True, append_images=[small])
    pixels, notes = decode(buffer.getvalue())
    assert np.array_equal(pixels, levels) and notes == ["first of several pages"]


def test_of_forty_thousand_directories_two_are_read(monkeypatch):
    read = []
    made = tifffile.TiffPage.__init__
    monkeypatch.setattr(tifffile.TiffPage, "__init__", lambda page, *a, **k: read.append(page) or made(page, *a, **k))
    with pytest.raises(BadImage, match="several pages"):
        decode(tiff(levels_of("uint", 8, 3), 8, 2, pages=40_000))
    assert len(read) == 2


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"t262": None}, "tag 262"),
        ({"t262": 8}, "tag 262 is 8"),
        ({"t262": 1}, "3 channels"),
        ({"t262": 6}, "YCbCr"),
        ({"t259": 34712}, "tag 259 is 34712"),
        ({"t258": [5, 6, 5]}, "bits per sample"),
        ({"t339": [1, 2, 1]}, "damaged|tag 339"),
        ({"t279": [0] * 3}, "damaged"),
        ({"t254": 1}, "thumbnail"),
        ({"t317": 3}, "predictor 3"),
    ],
)
def test_what_has_no_exact_reading_is_refused(changes, reason):
    with pytest.raises(BadImage, match=reason):
        decode(tiff(levels_of("uint", 8, 3), 8, 2, **changes))


@pytest.mark.parametrize("compression", COMPRESSION)
def test_a_strip_that_ends_too_early_is_damaged(compression):
    upper = levels_of("uint", 8, 3)[: HEIGHT // 2]
    with pytest.raises(BadImage, match="damaged"):
        decode(tiff(upper, 8, 2, compression=compression, rows=HEIGHT, t257=HEIGHT))


def test_a_tile_that_is_much_larger_than_the_picture_is_not_decoded():
    tile = {"t322": 60_000, "t323": 60_000, "t324": 8, "t325": 100, "t273": None, "t278": None, "t279": None}
    with pytest.raises(BadImage, match=r"tiles|damaged"):
        decode(tiff(levels_of("uint", 8, 3), 8, 2, **tile))
