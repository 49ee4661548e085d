"""Which file belongs to which class: reading a delivery's folders by their names alone."""

import unicodedata
from collections import defaultdict
from pathlib import PurePosixPath
from typing import NamedTuple

from wbc.core.errors import UserError
from wbc.data.images import FORMATS

MAX_NAME = 255  # bytes of one file or folder name, on every common disk
LISTED = 10  # paths that an error about the delivery's shape names; the first few show what is wrong

_IMAGE_SUFFIXES = {suffix for suffixes in FORMATS.values() for suffix in suffixes}
_LITTER = {"thumbs.db", "desktop.ini", "__macosx", "@eadir", "$recycle.bin"}  # what systems leave behind by themselves


class UnpackReport(NamedTuple):
    """What a delivery holds beside the files of its classes."""

    labels: list[str]  # the classes, sorted
    unusable: list[tuple[str, str]]  # (path, reason) of files in class folders that no disk or table can hold by name
    ignored: list[str]  # files outside class folders, and what systems leave behind; a folder ends in "/"
    merged: dict[str, list[str]]  # label: its folders, where there are several


def sort_into_classes(paths, folders, source):
    """Decide where each file of a delivery goes.

    Args:
        paths: the files, relative and with "/" between the parts.
        folders: all folders, likewise.
        source: path of the delivery, for messages.

    Returns:
        (targets, delivery): dict path → "<class>/<file>" in sorted order, and what `UnpackReport` tells.

    Raises:
        UserError: no image, an image outside a class folder, an empty class folder, fewer than two classes, or names
            that some disks can't tell apart.
    """
    ignored = {found for path in paths if (found := litter(path))}
    paths = [PurePosixPath(path) for path in sorted(paths) if not litter(path)]
    folders = {PurePosixPath(folder) for folder in folders if not litter(folder)}
    # A folder above a folder of images isn't a class; neither is the top, which has no name.
    above = {PurePosixPath(".")}
    for path in paths:
        if _looks_like_image(path):
            above.update(path.parent.parents)
    outside = [path for path in paths if path.parent in above]
    inside = [path for path in paths if path.parent not in above]
    if not any(_looks_like_image(path) for path in paths):
        raise _no_images(source, paths)
    _refuse_stray_images([path for path in outside if _looks_like_image(path)], source)
    _refuse_empty_folders(folders, paths, source)
    ignored.update(map(str, outside))

    class_folders = defaultdict(set)
    for path in inside:
        class_folders[_label(path)].add(str(path.parent))
    _refuse_unclear_classes(class_folders, source)
    targets, unusable = {}, []
    for path, name in _distinct_names(inside, source).items():
        if reason := _unusable(_label(path)) or _unusable(name):
            unusable.append((printable(f"{_label(path)}/{name}"), reason))
        else:
            targets[str(path)] = f"{_label(path)}/{name}"
    merged = {label: sorted(found) for label, found in sorted(class_folders.items()) if len(found) > 1}
    return targets, UnpackReport(sorted(class_folders), unusable, sorted(map(printable, ignored)), merged)


def printable(path):
    """Return `path` with what a terminal or a text file can't hold written as an escape, and a very long one cut."""
    text = path.encode("utf-8", "backslashreplace").decode()
    text = "".join(letter if letter >= " " and letter != "\x7f" else f"\\x{ord(letter):02x}" for letter in text)
    return text if len(text) <= 400 else f"{text[:380]}… ({len(text)} letters)"


def litter(path):
    """Return the part of `path` down to what a system left there (hidden files among it), or None."""
    parts = path.split("/")
    for depth, part in enumerate(parts, start=1):
        if part.startswith(".") or part.lower() in _LITTER:
            return "/".join(parts[:depth]) + ("/" if depth < len(parts) else "")
    return None


def _looks_like_image(path):
    return path.suffix.lower() in _IMAGE_SUFFIXES


def _label(path):
    """The class of a file. Its accents are composed (NFC), so that a Mac's and a PC's spelling are one class."""
    return unicodedata.normalize("NFC", path.parent.name)


def _alike(name):
    """What is left of `name` on a disk that doesn't tell letter case or the spelling of accents apart."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()).strip()


def _unusable(name):
    """Why a file or folder can't have this name, or None."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "its name is not valid UTF-8"
    if size > MAX_NAME:
        return f"its name has {size} bytes; disks hold at most {MAX_NAME}"
    if printable(name) != name:
        return "its name holds a control character"
    return None


def _distinct_names(paths, source):
    """Return dict path → file name, in which files of one class have names that every disk can tell apart."""
    same = defaultdict(list)
    for path in paths:
        same[_label(path), _alike(path.name)].append(path)
    names = {}
    for alike in same.values():
        for path in alike:
            names[path] = "__".join([*path.parts[:-2], path.name]) if len(alike) > 1 else path.name
    taken = {}
    for path, name in names.items():
        other = taken.setdefault((_label(path), _alike(name)), path)
        if other != path:
            raise UserError(
                f"{source}: {printable(str(other))} and {printable(str(path))} would get one name on a disk that "
                f"doesn't tell upper from lower case. Rename one of them, then type `dvc repro`."
            )
    return names


def _no_images(source, paths):
    zips = [str(path) for path in paths if path.suffix.lower() == ".zip"]
    if zips and source.is_dir():
        advice = f"It holds a zip: set `fetch.archive: {source / zips[0]}` in params.yaml"
    else:
        advice = (
            f"Put one folder a class there ({source}/basophil/1.jpg, {source}/neutrophil/1.jpg, ...), or name a zip or "
            f"another folder in params.yaml (`fetch.archive`)"
        )
    endings = ", ".join(sorted(_IMAGE_SUFFIXES))
    found = f"only {_few(paths)}" if paths else "nothing"
    return UserError(
        f"{source} was to hold folders of images ({endings}), but holds {found}. {advice}, then type `dvc repro`."
    )


def _refuse_stray_images(stray, source):
    if stray:
        raise UserError(
            f"{source} holds images outside a class folder ({len(stray):,}), so their class isn't known:\n"
            f"{some(stray)}\nA class folder holds its images and no other folders of images. Move these into the "
            f"folder of their class, or remove them, then type `dvc repro`."
        )


def _refuse_empty_folders(folders, paths, source):
    full = {parent for path in [*paths, *folders] for parent in path.parents}
    if empty := sorted(folders - full):
        raise UserError(
            f"{source} holds empty folders, where a class may be missing:\n{some(empty)}\n"
            f"Put the images of the class there, or remove the folder, then type `dvc repro`."
        )


def _refuse_unclear_classes(class_folders, source):
    if len(class_folders) < 2:
        raise UserError(
            f"{source} holds one class, {printable(next(iter(class_folders)))}; to tell classes apart takes two or "
            f"more. Each class is a folder of its own. Add the other classes, then type `dvc repro`."
        )
    seen = {}
    for label in sorted(class_folders):
        other = seen.setdefault(_alike(label), label)
        if other != label:
            raise UserError(
                f"{source} holds the classes {printable(other)!r} and {printable(label)!r}, which differ only in "
                f"letter case, accents or spaces. Give both folders one name if they are one class, or clearer names "
                f"if they aren't, then type `dvc repro`."
            )


def some(lines):
    """The first lines of a list, indented, and how many more there are."""
    shown = [f"  - {printable(str(line))}" for line in lines[:LISTED]]
    return "\n".join(shown + ([f"  - and {len(lines) - LISTED:,} more"] if len(lines) > LISTED else []))


def _few(paths):
    names = ", ".join(printable(str(path)) for path in paths[:3])
    return names if len(paths) <= 3 else f"{names} and {len(paths) - 3:,} more"
