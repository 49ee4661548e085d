"""Classes of the files of a source, given by folders or by a table of labels."""

import itertools
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from wbc.common.errors import UserError
from wbc.fetch.contents import holds_image, is_document
from wbc.fetch.file_names import IMAGE_SUFFIXES, alike, litter, looks_like_image, printable, some, why_unusable
from wbc.fetch.label_table import LabelTable
from wbc.fetch.layout import CLASS, Paths, read_layout

# Words in the names of folders of masks, which are drawings of cell outlines. Mask files next to photographs have such
# a word as their ending: 1_mask.png next to 1.png.
_MASKS = {"mask", "masks", "segmentation", "segmentations", "groundtruth", "gt"}
_MASK_FILE = re.compile(rf"(?i)(.+)[_\- .](?:{'|'.join(sorted(_MASKS))}|ground_truth|seg)")
_PACKED = (".zip", ".rar", ".7z", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
NO_PHOTOGRAPHS = "Masks are not photographs of cells. Put them elsewhere."


class Masks(UserError):
    """Masks among the images."""


class UnpackReport(NamedTuple):
    """Classes of a source, and its files that are not among their images."""

    labels: list[str]  # the classes, sorted
    unusable: list[tuple[str, str]]  # (path, reason) of files in class folders whose names no disk or table can hold
    ignored: list[str]  # files outside class folders
    merged: dict[str, list[str]]  # label: its folders, where there are several
    left_by_systems: list[str]  # litter of systems and programs; a folder ends in "/"
    left_out: list[str]  # images in folders that the layout leaves out
    columns: dict[str, dict[str, str]]  # "<class>/<file>": its part, and its patient, slide or other group


class Reading(NamedTuple):
    """Settings for reading the files of a source."""

    layout: str | None = None  # a pattern, as `read_layout` takes it; None: plain layouts only
    labels: LabelTable | None = None  # instead of folders
    allow_masks: bool = False


def sort_into_classes(
    names: Iterable[str],
    folder_names: Iterable[str],
    source: Path,
    reading: Reading = Reading(),  # noqa: B008 (immutable)
    start_of: Callable[[str], bytes] = lambda _: b"",
) -> tuple[dict[str, str], UnpackReport]:
    """Assign each file of a source to a class and a file name.

    Args:
        names: paths of the files, relative and with "/" between the parts.
        folder_names: paths of all folders, likewise.
        source: path of the source, for messages.
        reading: settings for reading the files.
        start_of: function that returns the first bytes of a file; called if its name doesn't identify it.

    Returns:
        (targets, report): dict path → "<class>/<file>" in sorted order, and the `UnpackReport`.

    Raises:
        UserError: no image, an unclear layout, a folder in which a class may be missing, fewer than two classes, masks,
            or names that some disks can't distinguish.
    """
    names = list(names)
    left = {kind for name in names if (kind := litter(name))}
    paths = [PurePosixPath(name) for name in sorted(names) if not litter(name)]
    folders = {PurePosixPath(name) for name in folder_names if not litter(name)}
    images = _images(paths, start_of, in_class_folders=reading.labels is None)
    fields = _fields_of_view(paths)
    cells = [path for path in paths if path in images and path.parent not in fields]
    if not cells:
        raise _no_images(source, paths)
    if reading.labels is not None:
        placed, left_out = reading.labels.place(cells, source), []
        inside = cells
    else:
        _refuse_packed(paths, images, source)
        _refuse_empty_folders(folders, paths, source)
        _refuse_unreadable_folders(paths, images, source, start_of)
        if not reading.allow_masks:
            _refuse_masks(cells, source)
        fit = read_layout(cells, source, reading.layout)
        placed, left_out = fit.placed, fit.left_out
        # Other files in a class folder may be damaged images, and are checked as images.
        columns = {path.parent: found for path, found in placed.items()}
        others = [path for path in paths if path not in images and path.parent in columns and not _hidden(path)]
        placed |= {path: columns[path.parent] for path in others}
        inside = sorted(placed)
    labels = {path: unicodedata.normalize("NFC", placed[path][CLASS]) for path in inside}
    _refuse_unclear_classes(set(labels.values()), source)
    targets: dict[str, str] = {}
    unusable, columns_of = [], {}
    for path, name in _distinct_names(labels, source).items():
        target = f"{labels[path]}/{name}"
        if reason := why_unusable(labels[path]) or why_unusable(name):
            unusable.append((printable(target), reason))
        else:
            targets[str(path)] = target
            columns_of[target] = {column: said for column, said in placed[path].items() if column != CLASS and said}
    of_class: defaultdict[str, set[str]] = defaultdict(set)
    for path, label in labels.items():
        of_class[label].add(str(path.parent))
    used = {*labels, *left_out}
    return targets, UnpackReport(
        labels=sorted(of_class),
        unusable=unusable,
        ignored=[printable(str(path)) for path in paths if path not in used],
        merged={label: sorted(of) for label, of in sorted(of_class.items()) if len(of) > 1},
        left_by_systems=sorted(map(printable, left)),
        left_out=[printable(str(path)) for path in left_out],
        columns={target: said for target, said in columns_of.items() if said},
    )


def _images(paths: Paths, start_of: Callable[[str], bytes], in_class_folders: bool) -> set[PurePosixPath]:
    """Return the files that are images by their name or their content.

    With class folders, the content is read only in folders without a file that is named as an image. All files of the
    other folders are checked later.
    """
    named = {path for path in paths if looks_like_image(path)}
    folders = {path.parent for path in named} - {PurePosixPath()} if in_class_folders else set()
    return named | {path for path in paths if path.parent not in folders and holds_image(start_of(str(path)))}


def _hidden(path: PurePosixPath) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _fields_of_view(paths: Paths) -> set[PurePosixPath]:
    """Return the folders of whole fields of view next to their annotations, in the layout of PASCAL VOC.

    Kaggle's paultimothymooney/blood-cells has such a folder, JPEGImages, next to its class folders. It is ignored, and
    reported as ignored: a field of view isn't a cell, and JPEGImages isn't a class.
    """
    folders = {path.parent for path in paths}
    return {
        folder for folder in folders if folder.name == "JPEGImages" and folder.with_name("Annotations") in folders
    } - {PurePosixPath(".")}


def _distinct_names(labels: dict[PurePosixPath, str], source: Path) -> dict[PurePosixPath, str]:
    """Return dict path → file name, with names in a class that every disk can distinguish."""
    same = defaultdict(list)
    for path, label in labels.items():
        same[label, alike(path.name)].append(path)
    names = {}
    for paths in same.values():
        # The path without the class's folder: train/basophil/1.jpg becomes train__1.jpg.
        last = [path.parent.name == labels[path] for path in paths]
        for path in paths:
            above = path.parts[:-2] if all(last) else path.parts[:-1]
            names[path] = "__".join([*above, path.name]) if len(paths) > 1 else path.name
    taken: dict[tuple[str, str], PurePosixPath] = {}
    for path, name in names.items():
        earlier = taken.setdefault((labels[path], alike(name)), path)
        if earlier != path:
            raise UserError(
                f"{source}: {printable(str(earlier))} and {printable(str(path))} would get one name on a disk that "
                "doesn't tell upper from lower case. Rename one of them."
            )
    return names


def _no_images(source: Path, paths: Paths) -> UserError:
    zips = [path for path in paths if path.name.lower().endswith(_PACKED)]
    if len(zips) > 1:
        advice = f"It holds {len(zips):,} packed files: unpack them, each into a folder that is called after its class."
    elif zips and zips[0].suffix.lower() == ".zip" and source.is_dir():
        advice = f"It holds a zip, {source / zips[0]}: name that."
    else:
        advice = (
            f"Put one folder per class there ({source}/basophil/1.jpg, {source}/neutrophil/1.jpg, ...), or name a zip "
            "or another folder."
        )
    endings = ", ".join(sorted(IMAGE_SUFFIXES))
    names = ", ".join(printable(str(path)) for path in paths[:3])
    more = f" and {len(paths) - 3:,} more" if len(paths) > 3 else ""
    held = f"only {names}{more}" if paths else "nothing"
    return UserError(f"{source} should hold folders of images ({endings}), but holds {held}. {advice}")


def _refuse_packed(paths: Paths, images: set[PurePosixPath], source: Path) -> None:
    """Refuse packed files next to class folders, since they may hold the images of a class."""
    with_images = {path.parent for path in images}
    packed = [path for path in paths if path.name.lower().endswith(_PACKED) and path.parent not in with_images]
    if packed:
        raise UserError(
            f"{source} holds packed files next to its folders, where a class may be missing:\n{some(packed)}\n"
            "Unpack them, each into a folder that is called after its class, or remove them."
        )


def _refuse_empty_folders(folders: set[PurePosixPath], paths: Paths, source: Path) -> None:
    full = {parent for path in [*paths, *folders] for parent in path.parents}
    if empty := sorted(folders - full):
        raise UserError(
            f"{source} holds empty folders, where a class may be missing:\n{some(empty)}\n"
            "Put the images of the class there, or remove the folder."
        )


def _refuse_unreadable_folders(
    paths: Paths, images: set[PurePosixPath], source: Path, start_of: Callable[[str], bytes]
) -> None:
    """Refuse folders without an image whose files may be images of an unsupported format."""
    with_images = {parent for path in images for parent in path.parents}
    unreadable = defaultdict(list)
    for path in paths:
        if path.parent not in with_images and not is_document(path, start_of(str(path))):
            unreadable[path.parent].append(path.name)
    if unreadable:
        lines = [f"{folder} ({len(files):,} files such as {files[0]})" for folder, files in unreadable.items()]
        raise UserError(
            f"{source} holds folders without an image that can be read, where a class may be missing:\n{some(lines)}\n"
            "Save the images of the class as PNG or TIFF, or remove the folder."
        )


def _refuse_masks(cells: Paths, source: Path) -> None:
    """Refuse masks among the images: they would be merged into the classes and trained on as cells."""
    stems = {path.with_suffix("") for path in cells}
    files = [path for path in cells if (match := _MASK_FILE.fullmatch(path.stem)) and path.with_name(match[1]) in stems]
    if files:
        raise Masks(f"{source} holds masks next to the images that they belong to:\n{some(files)}\n{NO_PHOTOGRAPHS}")
    folders = sorted({path.parent for path in cells if any(map(_names_masks, path.parts[:-1]))})
    if folders:
        raise Masks(f"{source} holds folders of masks:\n{some(folders)}\n{NO_PHOTOGRAPHS}")


def _names_masks(folder: str) -> bool:
    words = re.split(r"[\W_]+", folder.lower())
    return bool(_MASKS & set(words)) or ("ground", "truth") in itertools.pairwise(words)


def _refuse_unclear_classes(labels: set[str], source: Path) -> None:
    if len(labels) < 2:
        raise UserError(
            f"{source} holds one class, {printable(next(iter(labels)))}; to tell classes apart takes two or "
            "more. Each class is a folder of its own. Add the other classes."
        )
    seen: dict[str, str] = {}
    for label in sorted(labels):
        earlier = seen.setdefault(alike(label), label)
        if earlier != label:
            raise UserError(
                f"{source} holds the classes {printable(earlier)!r} and {printable(label)!r}, which differ only in "
                "letter case, accents or spaces. Give both folders one name if they are one class, or clearer names "
                "if they aren't."
            )
