"""Unpacking class folders from a zip or a folder, checked before anything is written."""

import contextlib
import lzma
import os
import re
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from wbc.core.errors import UserError
from wbc.core.progress import track
from wbc.data.class_folders import litter, printable, some, sort_into_classes

MAX_BYTES = 50 * 2**30  # of a zip's whole content; a million small images fit
MAX_RATIO = 200  # content to zip; JPEG and PNG barely shrink, a zip bomb shrinks a thousand times
SMALL = 64 * 2**20  # bytes of content that are harmless at any ratio

_BLOCK = 2**20  # bytes read at once
# What zipfile and its decompressors stumble over in a damaged zip; a ValueError is a name that isn't UTF-8.
_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, NotImplementedError, ValueError)


def unpack(source, destination):
    """Copy the class folders of `source` to `destination`/<class>/<file>, every byte as it was delivered.

    A class folder may stand at any depth and gives its name to the class; folders of one name become one class, and
    files of one name in them are told apart by the path above (`train__0001.jpg`). Whether a file is an image isn't
    looked at.

    >>> unpack("cells.zip", Path("data/raw")).labels                              # doctest: +SKIP
    ['basophil', 'eosinophil']

    Args:
        source: path of a zip, or of a folder.
        destination: path of a folder that doesn't exist yet.

    Returns:
        `class_folders.UnpackReport`: the classes, and what was found beside them.

    Raises:
        UserError: there is no such zip or folder, it is damaged, unsafe or encrypted, or its folders aren't clear
            classes.
    """
    source, destination = Path(source), Path(destination)
    if source.is_dir():
        files, folders, limit = *_list_folder(source), None
        return _write(files, folders, source, destination, limit)
    if not source.is_file():
        raise UserError(
            f"{source} doesn't exist. Put a zip or a folder of class folders there, or name another in params.yaml "
            f"(`fetch.archive`), then type `dvc repro`."
        )
    with _open_zip(source) as archive:
        files, folders, limit = _list_zip(archive, source)
        return _write(files, folders, source, destination, limit)


def _write(files, folders, source, destination, limit):
    """Write the class files among `files` (path: function that yields its bytes), at most `limit` bytes in all."""
    targets, delivery = sort_into_classes(files, folders, source)
    written = 0
    for path, target in track(targets.items(), "unpack", total=len(targets), unit="files"):
        (destination / target).parent.mkdir(parents=True, exist_ok=True)
        with (destination / target).open("xb") as file:
            for block in files[path]():
                written += len(block)
                if limit is not None and written > limit:
                    raise _too_large(source, written)
                file.write(block)
    return delivery


def _open_zip(source):
    try:
        return zipfile.ZipFile(source)
    except _DAMAGE as error:
        with source.open("rb") as file:
            cut_off = file.read(4) == b"PK\x03\x04"
        if cut_off:
            raise UserError(
                f"{source} is a zip whose end is missing or damaged ({error}). It was probably cut off on its way: "
                f"download or copy it again, then type `dvc repro`."
            ) from None
        raise UserError(
            f"{source} is not a zip. `fetch.archive` must be a zip or a folder of class folders: unpack other kinds of "
            f"archives and name the folder."
        ) from None


def _list_zip(archive, source):
    """Return (files, folders, limit) of an open zip after checking names, kinds and sizes of its entries."""
    files, folders, unsafe = {}, set(), []
    for entry in archive.infolist():
        name = entry.filename
        if not entry.flag_bits & 0x800:  # the entry doesn't say that its name is UTF-8, yet on a Mac it is
            with contextlib.suppress(UnicodeError):
                name = name.encode("cp437").decode("utf-8")
        name = name.replace("\\", "/")  # some Windows programs write it so
        parts = [part for part in name.split("/") if part not in ("", ".")]
        path = "/".join(parts)
        if name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in parts:
            unsafe.append(f"{printable(name)}: leads out of the folder that it is unpacked to")
        elif stat.S_ISLNK(entry.external_attr >> 16):
            unsafe.append(f"{printable(name)}: is a link, not a file")
        elif entry.flag_bits & 0x1:
            unsafe.append(f"{printable(name)}: is encrypted")
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
            f"Make the zip again from plain files, without a password, then type `dvc repro`."
        )
    limit = min(MAX_BYTES, max(SMALL, MAX_RATIO * source.stat().st_size))
    declared = sum(entry.file_size for entry in archive.infolist())
    if declared > limit:
        raise _too_large(source, declared)
    return files, folders, limit


def _too_large(source, size):
    packed = source.stat().st_size
    return UserError(
        f"{source} has {packed:,} bytes but unpacks to {size:,} or more, as a zip bomb does; nothing was kept. At most "
        f"{MAX_BYTES:,} bytes, and {MAX_RATIO} times the zip's own size, are unpacked. If its images are real, unpack "
        f"it yourself and name the folder in params.yaml (`fetch.archive`)."
    )


def _zip_reader(archive, entry, source):
    """Return a function that yields the bytes of a zip entry; the zip's checksum is checked at the last of them."""

    def blocks():
        try:
            with archive.open(entry) as file:
                while block := file.read(_BLOCK):
                    yield block
        except _DAMAGE as error:
            raise UserError(
                f"{source} is damaged at {printable(entry.filename)}: {error or 'its data end too early'}. Nothing was "
                f"kept. Download or copy the zip again, then type `dvc repro`."
            ) from None

    return blocks


def _list_folder(source):
    """Return (files, folders) below `source`. Links to files are read; links to folders are refused."""
    files, folders, refused = {}, set(), []

    def unreadable(error):
        raise UserError(f"{error.filename} can't be read: {error.strerror}. Correct that, then type `dvc repro`.")

    for root, directories, names in os.walk(source, onerror=unreadable):
        here = Path(root).relative_to(source).as_posix()
        here = "" if here == "." else f"{here}/"
        for name in directories:
            folders.add(here + name)
            if (Path(root) / name).is_symlink() and not litter(here + name):
                refused.append(f"{printable(here + name)}: is a link to a folder")
        for name in names:
            files[here + name] = _file_reader(Path(root) / name)
            if not (Path(root) / name).is_file() and not litter(here + name):
                refused.append(f"{printable(here + name)}: is neither a file nor a link to one")
    if refused:
        raise UserError(
            f"{source} holds what can't be read as images:\n{some(refused)}\n"
            f"Put real folders and files there, or remove these, then type `dvc repro`."
        )
    return files, folders


def _file_reader(path):
    """Return a function that yields the bytes of a file."""

    def blocks():
        try:
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    yield block
        except OSError as error:
            raise UserError(f"{path} can't be read: {error.strerror}. Correct that, then type `dvc repro`.") from None

    return blocks
