"""Unpacking of class folders from a zip or a folder, checked before anything is written."""

import hashlib
import os
import re
import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from wbc.common.errors import UserError
from wbc.common.progress import track
from wbc.fetch.class_folders import Reading, UnpackReport, sort_into_classes
from wbc.fetch.contents import START
from wbc.fetch.file_names import litter, looks_like_image, printable, some
from wbc.fetch.zip_entries import DAMAGE, name_of, why_unreadable

MAX_BYTES = 50 * 2**30  # of a zip's whole content; a million small images fit
MAX_RATIO = 200  # content to zip; JPEG and PNG barely shrink, a zip bomb shrinks a thousand times
SMALL = 64 * 2**20  # bytes of content that are harmless at any ratio
MAX_ENTRIES = 5_000_000  # files and folders of a zip
MAX_DEPTH = 64  # folders above a file
DVC_CACHE = re.compile(r".*/files/md5/[0-9a-f]{2}/[0-9a-f]{30}")  # path of a file's content in DVC's cache

_BLOCK = 2**20  # bytes read at once

Reader = Callable[[], Iterator[bytes]]  # yields the bytes of a file


class Unpacked(NamedTuple):
    """Result of unpacking a zip or a folder."""

    report: UnpackReport
    sha256: str | None  # of the unpacked zip; None for a folder


def unpack(source: Path | str, destination: Path, reading: Reading = Reading()) -> Unpacked:  # noqa: B008 (immutable)
    """Copy the images of `source` to `destination`/<class>/<file>, byte for byte.

    Files with the same name and class get the names of their folders as a prefix (`train__0001.jpg`). The content of
    files that are named as images isn't checked.

    >>> unpack("cells.zip", Path("data/images")).report.labels                       # doctest: +SKIP
    ['basophil', 'eosinophil']

    Args:
        source: path of a zip, or of a folder.
        destination: path of a folder that doesn't exist yet.
        reading: settings for reading the classes; see `wbc.fetch.layout.read_layout`.

    Raises:
        UserError: the source doesn't exist, is damaged, unsafe or encrypted, or its images and classes are unclear.
    """
    source, destination = Path(source), Path(destination)
    if source.is_dir():
        files, folders = _list_folder(source)
        return Unpacked(_write(files, folders, source, destination, None, reading), None)
    if not source.is_file():
        raise UserError(f"{source} doesn't exist. Expected a zip, or a folder of class folders.")
    # Opened once, so that the hashed bytes are the unpacked ones, even if the file is replaced meanwhile.
    with source.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        with _open_zip(file, source) as archive:
            files, folders, limit = _list_zip(archive, source)
            return Unpacked(_write(files, folders, source, destination, limit, reading), sha256)


def _write(
    files: dict[str, Reader],
    folders: set[str],
    source: Path,
    destination: Path,
    limit: int | None,
    reading: Reading,
) -> UnpackReport:
    """Write the class files among `files` (path: function that yields its bytes), at most `limit` bytes in all."""

    def start_of(path: str) -> bytes:
        return next(files[path](), b"")[:START]

    targets, report = sort_into_classes(files, folders, source, reading, start_of)
    written = 0
    for path, target in track(targets.items(), "unpack", total=len(targets), unit="files"):
        (destination / target).parent.mkdir(parents=True, exist_ok=True)
        with (destination / target).open("xb") as file:
            for block in files[path]():
                written += len(block)
                if limit is not None and written > limit:
                    raise _too_large(source, written)
                file.write(block)
    return report


def _open_zip(file: IO[bytes], source: Path) -> zipfile.ZipFile:
    file.seek(0)
    start = file.read(4)
    try:
        return zipfile.ZipFile(file)
    except DAMAGE as error:
        if start == b"PK\x03\x04":
            raise UserError(
                f"{source} is a zip whose end is missing or damaged ({error}). It was probably cut off on its way: "
                "download or copy it again."
            ) from None
        raise UserError(
            f"{source} is not a zip. Only a zip or a folder of class folders can be read: unpack other kinds of "
            "archives and name the folder."
        ) from None


def _list_zip(archive: zipfile.ZipFile, source: Path) -> tuple[dict[str, Reader], set[str], int]:
    """Return (files, folders, limit) of an open zip after checking names, kinds and sizes of its entries."""
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise UserError(f"{source} has {len(entries):,} entries; at most {MAX_ENTRIES:,} are unpacked.")
    files, folders, unsafe = {}, set(), []
    for entry, name in zip(entries, _names(entries, source), strict=True):
        parts = [part for part in name.split("/") if part not in ("", ".")]
        path = "/".join(parts)
        if reason := _why_unsafe(entry, name, parts):
            unsafe.append(f"{printable(name)}: {reason}")
        elif name.endswith("/"):
            folders.add(path)
        elif path in files:
            unsafe.append(f"{printable(name)}: is in the zip twice")
        else:
            files[path] = _zip_reader(archive, entry, source)
            folders.update(str(parent) for parent in PurePosixPath(path).parents if parent.name)
    if unsafe:
        raise UserError(
            f"{source} can't be unpacked; nothing was written:\n{some(unsafe)}\n"
            "Make the zip again from plain files, without a password, by the method Deflate."
        )
    limit = min(MAX_BYTES, max(SMALL, MAX_RATIO * source.stat().st_size))
    declared = sum(entry.file_size for entry in entries)
    if declared > limit:
        raise _too_large(source, declared)
    return files, folders, limit


def _names(entries: list[zipfile.ZipInfo], source: Path) -> list[str]:
    """Return the entries' names, with "/" between the parts.

    Raises:
        UserError: the encoding of a name is unknown, and so the class that it gives.
    """
    names = [name_of(entry) for entry in entries]
    if unclear := [entry.filename for entry, name in zip(entries, names, strict=True) if name is None]:
        raise UserError(
            f"{source} doesn't say by which code the letters of {len(unclear):,} names are written, such as these, "
            "read "
            f"as cp437:\n{some(unclear)}\nMake the zip again with names in UTF-8 (7-Zip: `cu=on`), or unpack it "
            "yourself "
            "and name the folder."
        )
    return [name for name in names if name is not None]


def _why_unsafe(entry: zipfile.ZipInfo, name: str, parts: list[str]) -> str | None:
    """Return why an entry of a zip can't be unpacked, or None."""
    if name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in parts:
        return "leads out of the folder that it is unpacked to"
    if len(parts) > MAX_DEPTH:
        return f"lies in {len(parts) - 1:,} folders, one in another"
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "is a link, not a file"
    if reason := why_unreadable(entry):
        return reason
    if "\0" in entry.orig_filename:
        return "has a name that goes on behind a NUL character"
    return None


def _too_large(source: Path, size: int) -> UserError:
    packed = source.stat().st_size
    return UserError(
        f"{source} has {packed:,} bytes but unpacks to {size:,} or more, as a zip bomb does; nothing was kept. At most "
        f"{MAX_BYTES:,} bytes, and {MAX_RATIO} times the zip's own size, are unpacked. If its images are real, unpack "
        "it yourself and name the folder."
    )


def _zip_reader(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, source: Path) -> Reader:
    """Return a function that yields the bytes of a zip entry and checks its checksum at the end."""

    def blocks() -> Iterator[bytes]:
        try:
            with archive.open(entry) as file:
                while block := file.read(_BLOCK):
                    yield block
        except DAMAGE as error:
            raise UserError(
                f"{source} is damaged at {printable(entry.filename)}: {error or 'its data end too early'}. Nothing was "
                "kept. Download or copy the zip again."
            ) from None

    return blocks


def _list_folder(source: Path) -> tuple[dict[str, Reader], set[str]]:
    """Return (files, folders) below `source`.

    Links to files are read. A link out of `source` is read only if its target is named as an image, or is in DVC's
    cache, to which `cache.type symlink` links. Otherwise a link could include any file of this machine. Links to
    folders are refused.
    """
    inside = source.resolve()
    files, folders, refused = {}, set(), []

    def unreadable(error: OSError) -> None:
        raise UserError(f"{error.filename} can't be read: {error.strerror}. Correct that.")

    for root, directories, names in os.walk(source, onerror=unreadable):
        here = Path(root).relative_to(source).as_posix()
        here = "" if here == "." else f"{here}/"
        for name in directories:
            folders.add(here + name)
            if (Path(root) / name).is_symlink() and not litter(here + name):
                refused.append(f"{printable(here + name)}: is a link to a folder")
        for name in names:
            file = Path(root) / name
            files[here + name] = _file_reader(file)
            if litter(here + name):
                continue
            if not file.is_file():
                refused.append(f"{printable(here + name)}: is neither a file nor a link to one")
            elif not (
                (target := file.resolve()).is_relative_to(inside)
                or looks_like_image(target)
                or DVC_CACHE.fullmatch(target.as_posix())
            ):
                refused.append(
                    f"{printable(here + name)}: is a link out of the folder, to what isn't named as an image"
                )
    if refused:
        raise UserError(
            f"{source} holds what can't be read as images:\n{some(refused)}\n"
            "Put real folders and files there, or remove these."
        )
    return files, folders


def _file_reader(path: Path) -> Reader:
    """Return a function that yields the bytes of a file."""

    def blocks() -> Iterator[bytes]:
        try:
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    yield block
        except OSError as error:
            raise UserError(f"{path} can't be read: {error.strerror}. Correct that.") from None

    return blocks
