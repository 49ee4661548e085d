"""Decoder of TIFF files by their tags; a file that can't be read exactly is refused."""

import io
import logging
import math

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

from wbc.common.images import BUDGET, BadImage, check_full_range, check_size, on_white, to_8_bits

EIGHT_BITS = "save it with 8 bits per channel"

# Numbers of the TIFF 6.0 specification.
_PHOTOMETRIC, _MAX_SAMPLE, _ORIENTATION, _PREDICTOR, _COLORS = 262, 281, 274, 317, 320
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 1, 2, 3, 5, 6
_COLOR_CHANNELS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4, _YCBCR: 3}
_JPEG = 7
_COMPRESSIONS = {1, 5, _JPEG, 8, 32773, 32946}  # none, LZW, JPEG, Deflate, PackBits, Deflate's older number
_PREDICTED = {5, 8, 32946}  # with the others, some programs ignore the predictor
_REDUCED, _MASK = 1, 4  # bits of a page's kind, tag 254
_TURNED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # `decode` reports damage itself


def decode(content: bytes) -> tuple[npt.NDArray[np.uint8], list[str]]:
    """Decode a TIFF to RGB; see `wbc.common.images.decode`.

    Unsigned levels of 1 to 16 bits are read: gray, RGB, palette, CMYK or JPEG's YCbCr, in strips or tiles, interleaved
    or in planes. Everything else is refused, because the white of other numbers is unknown.

    Raises:
        BadImage: the file is damaged, of a kind that is not read, or holds several pictures.
    """
    try:
        with tifffile.TiffFile(io.BytesIO(content)) as file:
            page = file.pages.first
            notes = _check_other_pages(file)
            _check_kind(page)
            with BUDGET.hold(page.imagewidth * page.imagelength):
                return _decode_page(page, notes)
    except (BadImage, MemoryError):
        raise
    except Exception as error:  # for a damaged file, decoders raise any error
        raise BadImage(f"damaged: {str(error).splitlines()[0] if str(error) else type(error).__name__}") from None


def _check_other_pages(file: tifffile.TiffFile) -> list[str]:
    """Return notes on further pages. Only the second is checked, since there may be thousands."""
    try:
        second = file.pages[1]
    except IndexError:
        return []
    if not int(getattr(second, "subfiletype", 0)) & (_REDUCED | _MASK):
        raise BadImage("several pages, a stack; save the one that shows the cell as a file of its own")
    return ["first of several pages"]


def _check_kind(page: tifffile.TiffPage) -> None:
    """Refuse a page whose levels can't be read exactly, before anything is decoded."""
    check_size(page.imagewidth, page.imagelength)
    bits, form = page.bitspersample, int(page.sampleformat or 1)
    if _PHOTOMETRIC not in page.tags:
        raise BadImage("its tags don't say whether 0 is black or white (tag 262)")
    photometric = int(page.photometric)
    if form == 3:
        raise BadImage(f"floating-point pixels, whose white may be 1, 255 or anything; {EIGHT_BITS}")
    if form != 1:
        raise BadImage(f"pixels that are not unsigned whole numbers (tag 339 is {form}); {EIGHT_BITS}")
    if not isinstance(bits, int) or not 1 <= bits <= 16:
        raise BadImage(f"{bits} bits per sample; {EIGHT_BITS}")
    if photometric not in _COLOR_CHANNELS:
        raise BadImage(f"colors of a kind that is not read (tag 262 is {photometric}); save it as RGB or gray")
    if int(page.compression) not in _COMPRESSIONS:
        raise BadImage(f"compressed by a method that is not read (tag 259 is {int(page.compression)}); use LZW or none")
    jpeg = int(page.compression) == _JPEG
    if photometric == _YCBCR and (not jpeg or int(page.planarconfig) == 2):
        raise BadImage("YCbCr colors without JPEG, or in planes; save it as RGB")
    if (
        (photometric in (_PALETTE, _CMYK) or jpeg)
        and bits != 8
        and not (photometric == _PALETTE and bits < 8 and not jpeg)
    ):
        raise BadImage(f"{bits} bits per sample in palette, CMYK or JPEG; {EIGHT_BITS}")
    predictor = int(page.predictor)
    if predictor != 1 and (predictor != 2 or bits not in (8, 16) or int(page.compression) not in _PREDICTED):
        raise BadImage(
            f"predictor {predictor} with {bits} bits (tag 317), which programs read differently; save it without"
        )
    extra = page.samplesperpixel - _COLOR_CHANNELS[photometric]
    if extra not in (0, 1) or (extra and photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB)) or (extra and jpeg):
        raise BadImage(
            f"{page.samplesperpixel} channels, which its colors don't have (tag 262 is {photometric}); save it as RGB"
        )
    if page.imagedepth != 1 or int(page.subfiletype) & (_REDUCED | _MASK):
        raise BadImage("a volume, a thumbnail or a mask; save the picture of the cell alone")
    segments = math.prod(page.chunked)
    if (
        len(page.dataoffsets) < segments
        or len(page.databytecounts) < segments
        or not all(page.databytecounts[:segments])
    ):
        raise BadImage("damaged: a part of the picture is missing")
    if page.is_tiled and page.tilewidth * page.tilelength > max(2**20, 4 * page.imagewidth * page.imagelength):
        raise BadImage("damaged: tiles that are much larger than the picture")


def _decode_page(page: tifffile.TiffPage, notes: list[str]) -> tuple[npt.NDArray[np.uint8], list[str]]:
    pixels = page.asarray(squeeze=False, maxworkers=1)  # (planes, 1, height, width, channels)
    pixels = np.moveaxis(pixels[:, 0], 0, 2).reshape(page.imagelength, page.imagewidth, page.samplesperpixel)
    if pixels.dtype == bool:
        pixels = pixels.view(np.uint8)
    photometric, bits = int(page.photometric), page.bitspersample
    channels = _COLOR_CHANNELS[photometric]
    if photometric == _PALETTE:
        notes.append("palette to RGB")
        return _turned(_colors(page)[pixels[..., 0]], page, notes), notes
    white = _white_of(page, pixels[..., :channels])
    if bits > 8:
        notes.append(f"{bits}-bit to 8-bit")
    levels = to_8_bits(pixels, white)
    if photometric == _WHITE_IS_ZERO:
        levels[..., 0] = 255 - levels[..., 0]
    if photometric == _CMYK:
        notes.append("CMYK to RGB")
        return _turned(np.asarray(Image.fromarray(levels, "CMYK").convert("RGB")), page, notes), notes
    if channels == 1:
        notes.append("grayscale to RGB")
    rgb = np.repeat(levels[..., :1], 3, axis=2) if channels == 1 else levels[..., :3]
    if levels.shape[2] > channels:
        kind = int(page.extrasamples[0]) if page.extrasamples else 0
        if kind in (1, 2):
            notes.append("transparency laid on white")
            rgb = on_white(rgb, levels[..., -1], premultiplied=kind == 1)
        else:
            notes.append("a further channel left out")
    return _turned(np.ascontiguousarray(rgb), page, notes), notes


def _white_of(page: tifffile.TiffPage, levels: npt.NDArray[np.unsignedinteger]) -> int:
    """Return the level of white.

    Cameras of 10 to 14 bits store their levels in 16. Tag 281 may then hold their highest level, 2**n - 1. It may also
    hold the brightest level of the image, which does not define white.

    Raises:
        BadImage: the white of 16-bit levels is unknown, or a level is above tag 281.
    """
    bits = page.bitspersample
    said = page.tags.valueof(_MAX_SAMPLE)
    said = int(np.max(said)) if said is not None else 0
    if bits == 16 and said in (2**n - 1 for n in range(9, 16)):
        if (brightest := int(levels.max())) > said:
            raise BadImage(f"levels up to {brightest:,} where its tags say {said:,} (tag 281); {EIGHT_BITS}")
        return said
    if bits == 16:
        check_full_range(levels)
    return 2**bits - 1


def _colors(page: tifffile.TiffPage) -> npt.NDArray[np.uint8]:
    """Return the palette, (colors, 3), as libtiff reads it: some programs write 8 bits into its 16."""
    colors = np.asarray(page.tags[_COLORS].value, dtype=np.int64).reshape(3, -1).T
    return (colors if colors.max() < 256 else colors >> 8).astype(np.uint8)


def _turned(pixels: npt.NDArray[np.uint8], page: tifffile.TiffPage, notes: list[str]) -> npt.NDArray[np.uint8]:
    """Return the picture rotated or mirrored according to tag 274."""
    turn = _TURNED.get(int(page.tags.valueof(_ORIENTATION, 1)))
    if turn is None:
        return pixels
    notes.append("rotated as its EXIF says")
    return np.asarray(Image.fromarray(pixels).transpose(turn))
