"""Which file belongs to which class: reading folders by their names alone."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath, PurePosixPath
from typing import NamedTuple

from wbc.common.errors import UserError
from wbc.common.images import FORMATS

MAX_NAME = 255  # bytes of one file or folder name, on every common disk
LISTED = 10  # paths that an error about the source's shape names; the first few show what is wrong

# Folders above class folders that hold no photographs of cells but drawings of their outlines; and what the names of
# such files end in where they stand beside the photographs, as 1_mask.png beside 1.png.
_MASKS = {"mask", "masks", "segmentation", "segmentations", "groundtruth", "ground_truth", "gt"}
_MASK_FILE = re.compile(rf"(?i)(.+)[_\- .](?:{'|'.join(sorted(_MASKS))}|seg)")
_UNSEEN = {"Cc", "Cf", "Zl", "Zp"}  # Unicode's categories: control, format (bidi, zero width), line, paragraph
_IMAGE_SUFFIXES = {suffix for suffixes in FORMATS.values() for suffix in suffixes}
# What systems leave behind by themselves; "icon\r" is the Mac's file for a folder's picture.
_LITTER = {
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "__macosx",
    "@eadir",
    "$recycle.bin",
    "system volume information",
    "lost+found",
    "icon\r",
}


Paths = list[PurePosixPath]  # of files, relative to the source


class UnpackReport(NamedTuple):
    """What a source holds beside the files of its classes."""

    labels: list[str]  # the classes, sorted
    unusable: list[tuple[str, str]]  # (path, reason) of files in class folders that no disk or table can hold by name
    ignored: list[str]  # files outside class folders, and what systems leave behind; a folder ends in "/"
    merged: dict[str, list[str]]  # label: its folders, where there are several


def sort_into_classes(
    names: Iterable[str], folder_names: Iterable[str], source: Path
) -> tuple[dict[str, str], UnpackReport]:
    """Decide where each file of a source goes.

    Args:
        names: of the files, relative and with "/" between the parts.
        folder_names: of all folders, likewise.
        source: path of what the files are in, for messages.

    Returns:
        (targets, report): dict path → "<class>/<file>" in sorted order, and what `UnpackReport` tells.

    Raises:
        UserError: no image, an image outside a class folder, an empty class folder, fewer than two classes, or names
            that some disks can't tell apart.
    """
    names = list(names)
    ignored = {kind for name in names if (kind := litter(name))}
    paths = [PurePosixPath(name) for name in sorted(names) if not litter(name)]
    folders = {PurePosixPath(name) for name in folder_names if not litter(name)}
    # A folder above a folder of images isn't a class; neither is the top, which has no name.
    above = {PurePosixPath(".")}
    for path in paths:
        if looks_like_image(path):
            above.update(path.parent.parents)
    fields = _fields_of_view(paths)
    above |= fields
    # A folder without anything named as an image (notes, annotations, scripts) isn't a class either.
    with_images = {path.parent for path in paths if looks_like_image(path)}
    outside = [path for path in paths if path.parent in above or path.parent not in with_images]
    inside = [path for path in paths if path.parent not in above and path.parent in with_images]
    if not any(looks_like_image(path) for path in paths):
        raise _no_images(source, paths)
    _refuse_stray_images([path for path in outside if looks_like_image(path) and path.parent not in fields], source)
    _refuse_empty_folders(folders, paths, source)
    ignored.update(map(str, outside))

    class_folders: defaultdict[str, set[str]] = defaultdict(set)
    for path in inside:
        class_folders[_label(path)].add(str(path.parent))
    _refuse_masks(class_folders, inside, source)
    _refuse_unclear_classes(class_folders, source)
    targets, unusable = {}, []
    for path, name in _distinct_names(inside, source).items():
        if reason := _unusable(_label(path)) or _unusable(name):
            unusable.append((printable(f"{_label(path)}/{name}"), reason))
        else:
            targets[str(path)] = f"{_label(path)}/{name}"
    merged = {label: sorted(folders) for label, folders in sorted(class_folders.items()) if len(folders) > 1}
    return targets, UnpackReport(sorted(class_folders), unusable, sorted(map(printable, ignored)), merged)


def _fields_of_view(paths: Paths) -> set[PurePosixPath]:
    """Return the folders of whole fields of view beside their annotations, as PASCAL VOC lays them out.

    Kaggle's paultimothymooney/blood-cells has such a folder, JPEGImages, beside its class folders. It is ignored, and
    said to be: a field of view isn't a cell, and JPEGImages isn't a class.
    """
    folders = {path.parent for path in paths}
    return {
        folder for folder in folders if folder.name == "JPEGImages" and folder.with_name("Annotations") in folders
    } - {PurePosixPath(".")}


def printable(path: str, longest: int = 400) -> str:
    """Return `path` with what a terminal or a text file can't hold written as an escape, and a very long one cut."""
    text = path.encode("utf-8", "backslashreplace").decode()
    text = "".join(f"\\x{ord(letter):02x}" if unicodedata.category(letter) in _UNSEEN else letter for letter in text)
    return text if len(text) <= longest else f"{text[: longest - 20]}… ({len(text)} letters)"


def litter(path: str) -> str | None:
    """Return the part of `path` down to what a system left there (hidden files among it), or None."""
    parts = path.split("/")
    for depth, part in enumerate(parts, start=1):
        if part.startswith(".") or part.lower() in _LITTER:
            return "/".join(parts[:depth]) + ("/" if depth < len(parts) else "")
    return None


def looks_like_image(path: PurePath) -> bool:
    """Return whether a file is named as an image that can be read."""
    return path.suffix.lower() in _IMAGE_SUFFIXES


def _label(path: PurePosixPath) -> str:
    """Return the class of a file. Its accents are composed (NFC), so that a Mac's and a PC's spelling are one class."""
    return unicodedata.normalize("NFC", path.parent.name)


def _alike(name: str) -> str:
    """Return what is left of `name` on a disk that doesn't tell letter case or the spelling of accents apart."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()).strip()


def _unusable(name: str) -> str | None:
    """Return why a file or folder can't have this name, or None."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "its name is not valid UTF-8"
    if size > MAX_NAME:
        return f"its name has {size} bytes; disks hold at most {MAX_NAME}"
    if printable(name) != name:
        return "its name holds a control character, or a letter that can't be seen or turns the direction of writing"
    if not name.strip():
        return "its name is only spaces"
    return None


def _distinct_names(paths: Paths, source: Path) -> dict[PurePosixPath, str]:
    """Return dict path → file name, in which files of one class have names that every disk can tell apart."""
    same = defaultdict(list)
    for path in paths:
        same[_label(path), _alike(path.name)].append(path)
    names = {}
    for alike in same.values():
        for path in alike:
            names[path] = "__".join([*path.parts[:-2], path.name]) if len(alike) > 1 else path.name
    taken: dict[tuple[str, str], PurePosixPath] = {}
    for path, name in names.items():
        earlier = taken.setdefault((_label(path), _alike(name)), path)
        if earlier != path:
            raise UserError(
                f"{source}: {printable(str(earlier))} and {printable(str(path))} would get one name on a disk that "
                "doesn't tell upper from lower case. Rename one of them."
            )
    return names


def _no_images(source: Path, paths: Paths) -> UserError:
    zips = [str(path) for path in paths if path.suffix.lower() == ".zip"]
    if zips and source.is_dir():
        advice = f"It holds a zip, {source / zips[0]}: name that."
    else:
        advice = (
            f"Put one folder per class there ({source}/basophil/1.jpg, {source}/neutrophil/1.jpg, ...), or name a zip "
            "or another folder."
        )
    endings = ", ".join(sorted(_IMAGE_SUFFIXES))
    held = f"only {_few(paths)}" if paths else "nothing"
    return UserError(f"{source} was to hold folders of images ({endings}), but holds {held}. {advice}")


def _refuse_stray_images(stray: Paths, source: Path) -> None:
    if stray:
        raise UserError(
            f"{source} holds images outside a class folder ({len(stray):,}), so their class isn't known:\n"
            f"{some(stray)}\nA class folder holds its images and no other folders of images. Move these into the "
            "folder of their class, or remove them."
        )


def _refuse_empty_folders(folders: set[PurePosixPath], paths: Paths, source: Path) -> None:
    full = {parent for path in [*paths, *folders] for parent in path.parents}
    if empty := sorted(folders - full):
        raise UserError(
            f"{source} holds empty folders, where a class may be missing:\n{some(empty)}\n"
            "Put the images of the class there, or remove the folder."
        )


def _refuse_masks(class_folders: dict[str, set[str]], paths: Paths, source: Path) -> None:
    """Stop where masks stand beside the images: they would be merged into the same classes and learned as cells."""
    stems = {path.with_suffix("") for path in paths}
    files = [
        path
        for path in paths
        if (match := _MASK_FILE.fullmatch(path.stem)) and looks_like_image(path) and path.with_name(match[1]) in stems
    ]
    if files:
        raise UserError(
            f"{source} holds masks beside the images that they belong to, which are not photographs of cells:\n"
            f"{some(files)}\nPut them elsewhere, or rename them if they are photographs."
        )
    masks = [
        folder
        for folders in class_folders.values()
        for folder in sorted(folders)
        if _MASKS & {part.lower() for part in PurePosixPath(folder).parts[:-1]}
    ]
    if masks:
        raise UserError(
            f"{source} holds folders of masks, which are not photographs of cells:\n{some(masks)}\n"
            "Name the folder of the images alone, or remove these."
        )


def _refuse_unclear_classes(class_folders: dict[str, set[str]], source: Path) -> None:
    if len(class_folders) < 2:
        raise UserError(
            f"{source} holds one class, {printable(next(iter(class_folders)))}; to tell classes apart takes two or "
            "more. Each class is a folder of its own. Add the other classes."
        )
    seen: dict[str, str] = {}
    for label in sorted(class_folders):
        earlier = seen.setdefault(_alike(label), label)
        if earlier != label:
            raise UserError(
                f"{source} holds the classes {printable(earlier)!r} and {printable(label)!r}, which differ only in "
                "letter case, accents or spaces. Give both folders one name if they are one class, or clearer names "
                "if they aren't."
            )


def some(lines: Sequence[object]) -> str:
    """Return the first lines of a list, indented, and how many more there are."""
    shown = [f"  - {printable(str(line), longest=1000)}" for line in lines[:LISTED]]
    return "\n".join(shown + ([f"  - and {len(lines) - LISTED:,} more"] if len(lines) > LISTED else []))


def _few(paths: Sequence[object]) -> str:
    names = ", ".join(printable(str(path)) for path in paths[:3])
    return names if len(paths) <= 3 else f"{names} and {len(paths) - 3:,} more"
