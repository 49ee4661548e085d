"""Decoding of an image file of any supported format to RGB, with notes on what was converted."""

import contextlib
import io
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from wbc.common.errors import UserError

# The formats that a cell image may have, and the file name endings that go with each.
FORMATS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "BMP": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
    "GIF": (".gif",),
    "WEBP": (".webp",),
}
_MULTI_PICTURE = "MPO"  # Pillow's name for a JPEG with more pictures after the first, as some cameras write
MIN_SIDE = 8  # pixels; nothing smaller shows a cell
MAX_PIXELS = 150_000_000  # a 10,000 x 10,000 image fits; a decompression bomb doesn't
# Cameras of 10, 12 and 14 bits store their levels in 16 without a mark. Only levels above the range of 14 bits prove
# the full range. Otherwise white is unknown, and a wrong guess would make the image black. Single bright pixels or a
# scale bar prove nothing. The background of a cell is bright, so a tenth of all levels must be that high.
FULL_RANGE, BRIGHT_SHARE = 2**14, 0.1
BAND = 512  # rows

# Other files that are often named like an image: their first bytes, and a description.
_NOT_AN_IMAGE = (
    (
        b"version https://git-lfs",
        "a Git LFS pointer, not the image itself: `git lfs pull` fetches it where it came from",
    ),
    (b"<!doctype html", "a web page, probably a login or an error page that came in place of the download"),
    (b"<html", "a web page, probably a login or an error page that came in place of the download"),
    (b"<?xml", "an XML file"),
    (b"%pdf", "a PDF file"),
    (b"pk\x03\x04", "a zip"),
)

# Pillow warns of large images and of damaged metadata; `decode` checks both itself. The filter is set once, here,
# because `warnings.catch_warnings` around each image is not thread-safe.
warnings.filterwarnings("ignore", module=r"PIL\.")
# Pillow's blocks of 16 MiB stay with the thread that freed them, so each thread would keep the memory of a large image.
# The C library returns blocks of more than 32 MiB immediately. Smaller images allocate no more than they need.
Image.core.set_block_size(64 * 2**20)


class BadImage(UserError):
    """A file that can't be used as an image; the message is the reason."""


class PixelBudget:
    """Limit on the pixels that all threads of a process decode at once; each takes up to 20 bytes of memory."""

    def __init__(self, pixels: int):
        self._all = self._free = pixels
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def hold(self, pixels: int) -> Iterator[None]:
        """Wait until that many pixels are free, and reserve them during the block."""
        pixels = min(pixels, self._all)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= pixels)
            self._free -= pixels
        try:
            yield
        finally:
            with self._changed:
                self._free += pixels
                self._changed.notify_all()


BUDGET = PixelBudget(MAX_PIXELS)


def decode(source: Path | str | bytes, suffix: str | None = None) -> tuple[npt.NDArray[np.uint8], list[str]]:
    """Decode an image file to RGB.

    EXIF rotation is applied, and transparency is laid on white, the color of an empty slide. 16 bits are scaled to 8,
    and grayscale, palette and CMYK become RGB. Each conversion is noted.

    Args:
        source: path of the file, or its bytes.
        suffix: the file name's ending, which must fit the content; None: the path's ending, or any for bytes.

    Returns:
        (pixels, notes): uint8 array (height, width, 3) with values 0-255, and a list of what was converted, such as
        `["grayscale to RGB"]`.

    Raises:
        BadImage: the file is empty, truncated, not an image, named as another format, too small or too large, or its
            brightest possible value is unknown.
    """
    if not isinstance(source, bytes):
        try:
            return decode(Path(source).read_bytes(), Path(source).suffix if suffix is None else suffix)
        except BadImage as error:
            raise BadImage(
                f"{source} can't be used: {error}. Type `dvc repro`, which makes fetched images anew."
            ) from None
    content = source
    if not content:
        raise BadImage("the file is empty")
    suffix = suffix if suffix is None else suffix.lower()
    if content.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        _check_suffix(suffix, "TIFF")
        from wbc.common import tiff  # here: few images are TIFFs, and the import takes longer than most images

        return tiff.decode(content)
    try:
        image: Image.Image = Image.open(io.BytesIO(content), formats=[kind for kind in FORMATS if kind != "TIFF"])
    except Image.DecompressionBombError:
        raise BadImage(f"more than {MAX_PIXELS:,} pixels") from None
    except Exception:  # for a damaged file, Pillow's decoders raise any error, TypeError included
        start = content[:512].lstrip().lower()
        for magic, what in _NOT_AN_IMAGE:
            if start.startswith(magic):
                raise BadImage(what) from None
        raise BadImage(f"not a readable image ({', '.join(FORMATS)} can be read)") from None
    _check_suffix(suffix, "JPEG" if image.format == _MULTI_PICTURE else str(image.format))
    check_size(*image.size)
    with BUDGET.hold(image.width * image.height):
        return _load(image)


def _check_suffix(suffix: str | None, kind: str) -> None:
    """Refuse a file whose name has an ending that does not fit its format."""
    if suffix is not None and suffix not in FORMATS[kind]:
        raise BadImage(f"named {suffix or 'without an ending'} but holds a {kind} image")


def check_size(width: int, height: int) -> None:
    """Refuse an image that is too small to show a cell or too large for memory."""
    if min(width, height) < MIN_SIDE:
        raise BadImage(f"{width} x {height} pixels; at least {MIN_SIDE} x {MIN_SIDE} are needed")
    if width * height > MAX_PIXELS:
        raise BadImage(f"{width} x {height} pixels; at most {MAX_PIXELS:,} in all can be read")


def _load(image: Image.Image) -> tuple[npt.NDArray[np.uint8], list[str]]:
    """Return the pixels of an opened image, and notes on what was converted."""
    notes = []
    try:
        if getattr(image, "is_animated", False):
            notes.append("first of several frames")
        deep = image.mode.startswith("RGB") and any(";16" in str(tile.args) for tile in getattr(image, "tile", ()))
        image.load()
        if deep:  # Pillow has dropped the lower 8 of the 16 bits of each color
            check_full_range(np.asarray(image)[..., :3].astype(np.uint16) * 256 + 255)
            notes.append("16-bit to 8-bit")
        if image.getexif().get(0x0112, 1) != 1:
            notes.append("rotated as its EXIF says")
            image = ImageOps.exif_transpose(image)
        return np.asarray(_to_rgb(image, notes)), notes
    except (BadImage, MemoryError):
        raise
    except Exception as error:
        raise BadImage(f"damaged: {str(error) or type(error).__name__}") from None


def _to_rgb(image: Image.Image, notes: list[str]) -> Image.Image:
    """Convert a loaded Pillow image of any mode to RGB, and add each conversion to `notes`."""
    mode = image.mode
    if mode == "RGB" and "transparency" not in image.info:
        return image
    if mode.startswith("I"):
        levels = np.asarray(image).astype(np.uint16)
        check_full_range(levels)
        notes.append("16-bit to 8-bit")
        notes.append("grayscale to RGB")
        return Image.fromarray(to_8_bits(levels, 2**16 - 1)).convert("RGB")
    if mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info:
        notes.append("transparency laid on white")
        rgb = Image.new("RGB", image.size)
        for top in range(0, image.height, BAND):  # in bands, so that a large image isn't in memory four times
            band = image.crop((0, top, image.width, min(top + BAND, image.height))).convert("RGBA")
            white = Image.new("RGBA", band.size, (255, 255, 255, 255))
            rgb.paste(Image.alpha_composite(white, band).convert("RGB"), (0, top))
        return rgb
    notes.append({"L": "grayscale to RGB", "1": "grayscale to RGB", "P": "palette to RGB"}.get(mode, f"{mode} to RGB"))
    return image.convert("RGB")


def to_8_bits(levels: npt.NDArray[np.unsignedinteger], white: int) -> npt.NDArray[np.uint8]:
    """Scale levels from 0 to `white` to 0-255, rounded; a lookup table avoids a larger array in memory."""
    table = (np.arange(white + 1, dtype=np.uint32) * 510 + white) // (2 * white)
    return table.astype(np.uint8)[levels]


def check_full_range(levels: npt.NDArray[np.unsignedinteger]) -> None:
    """Refuse 16-bit levels whose white may be below 65,535.

    Raises:
        BadImage: fewer than a tenth of the levels are above the range of a 14-bit camera.
    """
    if np.count_nonzero(levels >= FULL_RANGE) < BRIGHT_SHARE * levels.size:
        raise BadImage(
            f"16-bit levels, nine tenths of them below {FULL_RANGE:,} and the brightest {int(levels.max()):,}; white "
            "may be 1,023, 4,095, 16,383 or 65,535; save it with 8 bits per channel"
        )


def on_white(rgb: npt.NDArray[np.uint8], opacity: npt.NDArray[np.uint8], premultiplied: bool) -> npt.NDArray[np.uint8]:
    """Lay a transparent image (height, width, 3) on white.

    Args:
        rgb: its colors.
        opacity: (height, width), 0-255; 255 is opaque.
        premultiplied: whether the colors are already multiplied by the opacity.
    """
    seen = opacity[..., None].astype(np.uint16)
    colored = rgb.astype(np.uint16) if premultiplied else (rgb * seen + 127) // 255
    return np.minimum(colored + 255 - seen, 255).astype(np.uint8)


def central(pixels: npt.NDArray[np.uint8], share: float) -> npt.NDArray[np.uint8]:
    """Return the middle of an RGB uint8 array (height, width, 3): `share` of its height and of its width, 0-1."""
    height, width = (max(1, round(share * side)) for side in pixels.shape[:2])
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return pixels[top : top + height, left : left + width]


def zoomed(pixels: npt.NDArray[np.uint8], zoom: float) -> npt.NDArray[np.uint8]:
    """Zoom in or out of an RGB uint8 array (height, width, 3).

    Args:
        pixels: the image.
        zoom: above 1, returns the middle of the image, 1 / `zoom` of each side; below 1, returns the image within a
            mirrored border, 1 / `zoom` times as wide.
    """
    if zoom >= 1:
        return central(pixels, 1 / zoom)
    margins = (round(side * (1 / zoom - 1) / 2) for side in pixels.shape[:2])
    return np.pad(pixels, [*((margin, margin) for margin in margins), (0, 0)], mode="symmetric")


def resize(pixels: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """Resize an RGB uint8 array (height, width, 3) to (size, size, 3), bilinear with antialiasing.

    Pillow computes this in integers, so the result is the same on every CPU. A rectangle is squeezed to a square, as
    `keras.utils.image_dataset_from_directory` does.
    """
    if pixels.shape[:2] == (size, size):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR))
