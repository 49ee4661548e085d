"""Sources of images to predict: files, folders, patterns, zips, and images in memory."""

import glob
import io
import os
import stat
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from wbc.common.errors import UserError
from wbc.fetch.file_names import litter, looks_like_image, printable
from wbc.fetch.zip_entries import DAMAGE, name_of, why_unreadable

MAX_BYTES = 500 * 2**20  # of one image file; a larger one is not read

Pixels = Image.Image | npt.NDArray[np.uint8]  # an image in memory; an array is RGB or gray, 0-255


class Source(NamedTuple):
    """An image to predict."""

    name: str  # as shown
    suffix: str  # of the file's name, which its content must fit
    read: Callable[[], bytes]  # may raise one of `wbc.fetch.zip_entries.DAMAGE`


def list_sources(arguments: Iterable[str]) -> list[Source]:
    """Return the images that some arguments name, each once, in order.

    A file may have any name. From a folder (at any depth, through links) and from a zip, only files named as images
    are taken.

    Args:
        arguments: paths of files, folders and zips, or patterns such as `slides/**/*.png`.

    Raises:
        UserError: there is no such file or folder, nothing fits the pattern, a zip can't be read, or there is no image.
    """
    sources: dict[str, list[Source]] = {}
    for argument in arguments:
        of_argument: dict[str, list[Source]] = {}
        for source in _of_argument(argument):
            of_argument.setdefault(source.name, []).append(source)
        for name, same in of_argument.items():
            sources.setdefault(name, same)  # an image that two arguments name is predicted once
    if not sources:
        raise UserError("No image was named. Give files, folders, patterns such as 'slides/*.png', or zips.")
    return [source for same in sources.values() for source in same]


def image_source(image: Pixels, name: str) -> Source:
    """Return an image in memory as a source, which is read like an image file.

    Args:
        image: a Pillow image, or an array (height, width), (height, width, 1) or (height, width, 3) of uint8.
        name: as shown.

    Raises:
        UserError: it is neither, or an array of another type or shape.
    """
    if isinstance(image, np.ndarray):
        pixels = image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image
        if pixels.dtype != np.uint8 or not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)):
            raise UserError(
                f"{name}: expected an array of uint8, 0-255, of shape (height, width, 3) or (height, width); found "
                f"{image.dtype} of shape {image.shape}."
            )
        image = Image.fromarray(np.ascontiguousarray(pixels))
    if not isinstance(image, Image.Image):
        raise UserError(f"{name}: expected a path, a Pillow image or an array; found {type(image).__name__}.")
    if image.mode in ("HSV", "YCbCr"):  # modes that no file format stores
        image = image.convert("RGB")
    # PNG has no CMYK and no floating point. TIFF stores every mode of Pillow, and `decode` checks it.
    kind = "PNG" if image.mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16") else "TIFF"

    def read() -> bytes:
        file = io.BytesIO()
        settings = {"compress_level": 1} if kind == "PNG" else {}
        image.save(file, kind, exif=image.getexif(), **settings)
        return file.getvalue()

    return Source(name, f".{kind.lower()}", read)


def file_source(path: Path, name: str = "") -> Source:
    """Return a file as a source, shown by another name if one is given."""
    return Source(name or os.fspath(path), path.suffix, lambda: _content(path))


def _content(path: Path) -> bytes:
    """Return the content of a regular file; refuse large files, and devices and pipes, which may have no end."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("it is a pipe, a socket or a device, which may have no end")
    if found.st_size > MAX_BYTES:
        raise ValueError(f"the file has more than {MAX_BYTES:,} bytes")
    if not found.st_size:  # as for all files in /proc, some of which have no end
        return b""
    with path.open("rb") as file:
        return file.read(MAX_BYTES)


def _of_argument(argument: str) -> Iterator[Source]:
    path = Path(argument).expanduser()
    if path.is_dir():
        images = [file for file in _walk(path) if looks_like_image(file)]
        if not images:
            raise UserError(f"{path} holds no file that is named as an image.")
        yield from map(file_source, images)
    elif path.is_file():
        yield from _of_zip(path) if path.suffix.lower() == ".zip" else [file_source(path)]
    elif glob.has_magic(argument):
        names = glob.glob(os.fspath(path), recursive=True)  # noqa: PTH207 (Path.glob takes no absolute pattern)
        matching = sorted(Path(name) for name in names if Path(name).is_file())
        if not matching:
            raise UserError(f"Nothing fits the pattern {argument}.")
        yield from map(file_source, matching)
    else:
        problem = "is neither a file nor a folder" if path.exists() else "doesn't exist"
        raise UserError(f"{argument} {problem}.")


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, through links, each folder once."""
    walked = {folder.resolve()}

    def is_new(directory: Path) -> bool:
        known = len(walked)
        walked.add(directory.resolve())
        return len(walked) > known

    def unreadable(error: OSError) -> None:
        raise UserError(f"{error.filename} can't be read: {error.strerror}. Correct that, or name other folders.")

    for root, directories, names in os.walk(folder, onerror=unreadable, followlinks=True):
        directories[:] = [name for name in sorted(directories) if not litter(name) and is_new(Path(root, name))]
        yield from (Path(root, name) for name in sorted(names) if not litter(name))


def _of_zip(path: Path) -> Iterator[Source]:
    """Yield the images of a zip; one with an ambiguous or unsafe name raises its error when it is read."""
    try:
        if not path.stat().st_size:
            raise ValueError("it is empty")
        archive = zipfile.ZipFile(path)
    except DAMAGE as error:
        raise UserError(f"{path} can't be read as a zip: {error}.") from None
    names = [name_of(entry) or entry.filename for entry in archive.infolist()]
    counts = Counter(names)
    has_images = False
    for entry, entry_name in zip(archive.infolist(), names, strict=True):
        name = PurePosixPath(entry_name)
        if (
            entry.is_dir()
            or litter("/".join(part for part in name.parts if part != ".."))
            or not looks_like_image(name)
        ):
            continue
        has_images = True
        refusal = "the zip holds several entries of this name" if counts[entry_name] > 1 else ""
        if ".." in name.parts or name.is_absolute():
            refusal = "its name leads out of the zip"
        yield Source(f"{path}/{name}", name.suffix, _entry_reader(archive, entry, refusal))
    if not has_images:
        raise UserError(f"{path} holds no file that is named as an image.")


def _entry_reader(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, refusal: str) -> Callable[[], bytes]:
    def read() -> bytes:
        if refusal:
            raise ValueError(refusal)
        if entry.file_size > MAX_BYTES:
            raise ValueError(f"the file has more than {MAX_BYTES:,} bytes")
        if reason := why_unreadable(entry):
            raise ValueError(f"it {reason}")
        with archive.open(entry) as file:
            return file.read(MAX_BYTES + 1)

    return read


def shown(source: Source) -> str:
    """Return the name of a source, safe for terminals and tables."""
    return printable(source.name, longest=4096)
