"""Where the images to predict come from: files, folders, patterns and zips."""

import glob
import os
import stat
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from wbc.common.errors import UserError
from wbc.fetch.class_folders import litter, looks_like_image, printable
from wbc.fetch.zip_entries import DAMAGE, name_of, why_unreadable

MAX_BYTES = 500 * 2**20  # of one image file; a larger one is not read


class Source(NamedTuple):
    """An image that is to be predicted."""

    name: str  # as it is shown
    suffix: str  # of the file's name, which its content must fit
    read: Callable[[], bytes]  # may raise one of `wbc.fetch.zip_entries.DAMAGE`


def list_sources(arguments: Iterable[str]) -> list[Source]:
    """Return the images that some arguments name, each once, in order.

    A file is taken whatever it is called; of a folder, at any depth and through links, and of a zip those that are
    named as images.

    Args:
        arguments: paths of files, folders and zips, or patterns such as `slides/**/*.png`.

    Raises:
        UserError: there is no such file or folder, nothing fits the pattern, a zip can't be read, or there is no image.
    """
    sources: dict[str, Source] = {}
    for argument in arguments:
        for source in _of_argument(argument):
            sources.setdefault(source.name, source)
    if not sources:
        raise UserError("No image was named. Give files, folders, patterns such as 'slides/*.png', or zips.")
    return list(sources.values())


def _of_argument(argument: str) -> Iterator[Source]:
    path = Path(argument).expanduser()
    if path.is_dir():
        images = [file for file in _walk(path) if looks_like_image(file)]
        if not images:
            raise UserError(f"{path} holds no file that is named as an image.")
        yield from map(_file, images)
    elif path.is_file():
        yield from _of_zip(path) if path.suffix.lower() == ".zip" else [_file(path)]
    elif glob.has_magic(argument):
        names = glob.glob(os.fspath(path), recursive=True)  # noqa: PTH207 (Path.glob takes no absolute pattern)
        matching = sorted(Path(name) for name in names if Path(name).is_file())
        if not matching:
            raise UserError(f"Nothing fits the pattern {argument}.")
        yield from map(_file, matching)
    else:
        problem = "is neither a file nor a folder" if path.exists() else "doesn't exist"
        raise UserError(f"{argument} {problem}.")


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder and below the folders that links in it lead to, each folder once."""
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


def _file(path: Path) -> Source:
    def read() -> bytes:
        if not stat.S_ISREG((found := path.stat()).st_mode):
            raise ValueError("it is a pipe, a socket or a device, which may have no end")
        if found.st_size > MAX_BYTES:
            raise ValueError(f"the file has more than {MAX_BYTES:,} bytes")
        return path.read_bytes()

    return Source(os.fspath(path), path.suffix, read)


def _of_zip(path: Path) -> Iterator[Source]:
    try:
        archive = zipfile.ZipFile(path)
    except DAMAGE as error:
        raise UserError(f"{path} can't be read as a zip: {error}.") from None
    has_images = False
    for entry in archive.infolist():
        name = PurePosixPath(name_of(entry) or entry.filename)
        if entry.is_dir() or litter(str(name)) or not looks_like_image(name):
            continue
        has_images = True
        yield Source(f"{path}/{name}", name.suffix, _entry_reader(archive, entry))
    if not has_images:
        raise UserError(f"{path} holds no file that is named as an image.")


def _entry_reader(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Callable[[], bytes]:
    def read() -> bytes:
        if entry.file_size > MAX_BYTES:
            raise ValueError(f"the file has more than {MAX_BYTES:,} bytes")
        if reason := why_unreadable(entry):
            raise ValueError(f"it {reason}")
        with archive.open(entry) as file:
            return file.read(MAX_BYTES + 1)

    return read


def shown(source: Source) -> str:
    """Return the name of a source so that any terminal and any table can hold it."""
    return printable(source.name, longest=4096)
