"""Decoding one image file to RGB, whatever it is stored as, and saying what had to be converted."""

import io
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

# The formats that a cell image may have, and the file name endings that go with each.
FORMATS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "BMP": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
    "GIF": (".gif",),
    "WEBP": (".webp",),
}
_MULTI_PICTURE = "MPO"  # what Pillow calls a JPEG that carries more pictures behind the first, as some cameras write
MIN_SIDE = 8  # pixels; nothing smaller shows a cell
MAX_PIXELS = 150_000_000  # a 10,000 x 10,000 image fits; a decompression bomb doesn't
# Cameras of 10, 12 and 14 bits store their levels in 16 without saying so. A level above what 14 bits hold can only be
# of the full range; without one, white isn't known, and a wrong guess would make the image black.
FULL_RANGE = 2**14

# What else comes under an image's name: the first bytes, and what it is.
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

# Pillow warns of large images and of damaged metadata; `decode` judges size and damage itself. The filter is set once,
# here, because `warnings.catch_warnings` around each image is not safe in threads.
warnings.filterwarnings("ignore", module=r"PIL\.")


class BadImage(Exception):
    """A file that can't be used as an image; the message is the reason."""


def decode(source: Path | str | bytes, suffix: str | None = None) -> tuple[npt.NDArray[np.uint8], list[str]]:
    """Decode an image file to RGB.

    EXIF rotation is applied, transparency is laid on white (the color of an empty slide), 16 bits are scaled to 8, and
    grayscale, palette and CMYK become RGB. Each of these is said.

    Args:
        source: path of the file, or its bytes.
        suffix: the file name's ending, which must fit the content; None: that of the path, or anything for bytes.

    Returns:
        (pixels, notes): uint8 array (height, width, 3) with values 0-255, and a list of what was converted, such as
        `["grayscale to RGB"]`.

    Raises:
        BadImage: empty, truncated, not an image, an image under another format's name, too small, too large, or of
            numbers that have no known brightest value.
    """
    if isinstance(source, bytes):
        content = source
    else:
        content, suffix = Path(source).read_bytes(), suffix if suffix is not None else Path(source).suffix
    if not content:
        raise BadImage("the file is empty")
    try:
        image: Image.Image = Image.open(io.BytesIO(content), formats=list(FORMATS))
    except Image.DecompressionBombError:
        raise BadImage(f"more than {MAX_PIXELS:,} pixels") from None
    except Exception:  # Pillow's decoders raise whatever a damaged file makes them stumble over, TypeError among it
        start = content[:512].lstrip().lower()
        for magic, what in _NOT_AN_IMAGE:
            if start.startswith(magic):
                raise BadImage(what) from None
        raise BadImage(f"not a readable image ({', '.join(FORMATS)} can be read)") from None
    if suffix is not None:
        suffix = suffix.lower()
        kind = "JPEG" if image.format == _MULTI_PICTURE else image.format
        if suffix not in FORMATS[str(kind)]:
            raise BadImage(f"named {suffix or 'without an ending'} but holds a {kind} image")
    width, height = image.size
    if min(width, height) < MIN_SIDE:
        raise BadImage(f"{width} x {height} pixels; at least {MIN_SIDE} x {MIN_SIDE} are needed")
    if width * height > MAX_PIXELS:
        raise BadImage(f"{width} x {height} pixels; at most {MAX_PIXELS:,} in all can be read")
    notes = []
    try:
        if (frames := getattr(image, "n_frames", 1)) > 1:
            notes.append(f"first of {frames} frames")
        deep = image.mode.startswith("RGB") and any(";16" in str(tile.args) for tile in getattr(image, "tile", ()))
        image.load()
        if deep:  # Pillow has dropped the lower 8 of the 16 bits of each color
            _check_full_range(256 * int(np.max(image.convert("RGB").getextrema())) + 255)
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
    """Convert a loaded Pillow image of any mode to RGB, adding to `notes` what was done."""
    mode = image.mode
    if mode == "RGB" and "transparency" not in image.info:
        return image
    if mode == "F":
        raise BadImage("floating-point pixels, whose white may be 1, 255 or anything; save it with 8 bits per channel")
    if mode.startswith("I"):
        levels = np.asarray(image)
        if levels.min() < 0 or levels.max() > 65535:
            raise BadImage("gray levels outside 0-65535; save it with 8 bits per channel")
        _check_full_range(int(levels.max()))
        notes.append("16-bit to 8-bit")
        notes.append("grayscale to RGB")
        # 65535 / 257 = 255: the full 16-bit range becomes the full 8-bit range. Row by row, since the whole numbers
        # between take four times the memory of the image.
        gray = np.empty(levels.shape, np.uint8)
        for row, scaled in zip(levels, gray, strict=True):
            scaled[:] = (row.astype(np.uint32) + 128) // 257
        return Image.fromarray(gray).convert("RGB")
    if mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info:
        notes.append("transparency laid on white")
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, image).convert("RGB")
    notes.append({"L": "grayscale to RGB", "1": "grayscale to RGB", "P": "palette to RGB"}.get(mode, f"{mode} to RGB"))
    return image.convert("RGB")


def _check_full_range(brightest: int) -> None:
    if brightest < FULL_RANGE:
        raise BadImage(
            f"16-bit levels of which the brightest is {brightest:,}, so white may be 1,023, 4,095, 16,383 or "
            "65,535; save "
            "it with 8 bits per channel"
        )


def central(pixels: npt.NDArray[np.uint8], share: float) -> npt.NDArray[np.uint8]:
    """Return the middle of an RGB uint8 array (height, width, 3): `share` of its height and of its width, 0-1."""
    height, width = (max(1, round(share * side)) for side in pixels.shape[:2])
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return pixels[top : top + height, left : left + width]


def zoomed(pixels: npt.NDArray[np.uint8], zoom: float) -> npt.NDArray[np.uint8]:
    """Return an RGB uint8 array (height, width, 3) seen from nearer or from farther away.

    Args:
        pixels: the image.
        zoom: above 1, the middle of the image, 1 / `zoom` of each side; below 1, the whole image within a border that
            mirrors it, 1 / `zoom` times as wide.
    """
    if zoom >= 1:
        return central(pixels, 1 / zoom)
    margins = (round(side * (1 / zoom - 1) / 2) for side in pixels.shape[:2])
    return np.pad(pixels, [*((margin, margin) for margin in margins), (0, 0)], mode="symmetric")


def resize(pixels: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """Resize an RGB uint8 array (height, width, 3) to (size, size, 3), bilinear with antialiasing.

    Pillow computes this in whole numbers, so the result is the same on every kind of CPU. The shape is squeezed to a
    square, as `keras.utils.image_dataset_from_directory` does.
    """
    if pixels.shape[:2] == (size, size):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR))
