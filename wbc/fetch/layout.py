"""Layouts of folders: the folders that name an image's class, part, patient or slide."""

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from wbc.common.errors import UserError
from wbc.fetch.file_names import LISTED, printable, some

CLASS, PART = "class", "part"
SHOWN_CLASSES = 6  # listed for each possible layout
# Names of parts in data sets: train, TRAIN, training_set, val, TestA, TEST_SIMPLE, ...
_PART_WORD = re.compile(
    r"(?i:(?P<train>train(?:ing)?)|(?P<valid>valid(?:ation)?|val|dev)|(?P<test>test(?:ing)?))"
    r"(?:[ _-]?(?i:set|data|images|simple|\d{1,2})|[ _-]?[A-Z])?"
)
_NAME = re.compile(r"\{([a-z][a-z_]*)\}")

Paths = Sequence[PurePosixPath]  # of files, relative to the source


class UnclearLayout(UserError):
    """Folders with several possible layouts."""


class Fit(NamedTuple):
    """Images of a source, read by a layout."""

    placed: dict[PurePosixPath, dict[str, str]]  # path: {"class": ..., and "part", "patient", ... if they are named}
    left_out: list[PurePosixPath]  # images in folders that the layout doesn't name
    misfits: list[PurePosixPath]  # images that don't fit for another reason

    def classes(self) -> Counter[str]:
        """Return the number of images of each class."""
        return Counter(names[CLASS] for names in self.placed.values())


def part_of(name: str) -> str | None:
    """Return the part that a folder's name means, or None.

    >>> part_of("TestA"), part_of("val"), part_of("Testis")
    ('test', 'valid', None)
    """
    match = _PART_WORD.fullmatch(name)
    return match.lastgroup if match else None


def read_layout(images: Paths, source: Path, pattern: str | None) -> Fit:
    """Read the class of each image, and its part and groups, from the names of its folders.

    Without a pattern, only plain layouts are read: a folder per class, and optionally one level of folders for the
    parts train, valid and test, above or below the class. Levels at which all folders have one name are ignored.

    Args:
        images: files that are images.
        source: path of the source, for messages.
        pattern: such as "{class}/{patient}/*", relative to `source` or to a folder that holds everything else.
            {class}, {part} and other names in braces match one folder, * any folder or file, ** any depth. Images
            in a folder whose name differs from a literal name in the pattern are left out.

    Raises:
        UnclearLayout: the layout isn't plain, and there is no pattern.
        UserError: the pattern is wrong or does not fit.
    """
    if pattern is not None:
        _check(pattern)
        found = _fitted(images, source, pattern)
    elif plain := _plain(images):
        found = fit(images, plain, 0)
    else:
        raise UnclearLayout(_readings(images, source))
    for path, names in found.placed.items():
        if PART in names:
            if (part := part_of(names[PART])) is None:
                raise UserError(
                    f"{source}: the layout {pattern!r} takes {names[PART]!r}, in {printable(str(path))}, for a part, "
                    "but it is not called train, valid or test."
                )
            names[PART] = part
    return found


def fit(images: Paths, pattern: str, skip: int) -> Fit:
    """Apply a pattern to the paths of images, without their first `skip` folders."""
    segments = pattern.split("/")
    regex = _regex(segments)
    fixed = itertools.takewhile(lambda segment: segment != "**", segments[:-1])
    # The folders that the pattern names literally, by depth.
    folders = {
        depth: re.compile(_segment(segment))
        for depth, segment in enumerate(fixed)
        if segment != "*" and not _NAME.search(segment)
    }
    placed, left_out, misfits = {}, [], []
    for image in images:
        parts = image.parts[skip:]
        if match := regex.fullmatch("/".join(parts)):
            placed[image] = match.groupdict()
        elif any(not name.fullmatch("".join(parts[:-1][depth : depth + 1])) for depth, name in folders.items()):
            left_out.append(image)
        else:
            misfits.append(image)
    return Fit(placed, left_out, misfits)


def _regex(segments: Sequence[str]) -> re.Pattern[str]:
    *folders, file = segments
    above = "".join("(?:[^/]+/)*" if folder == "**" else _segment(folder) + "/" for folder in folders)
    return re.compile(above + ("[^/]+(?:/[^/]+)*" if file == "**" else _segment(file)))


def _segment(segment: str) -> str:
    """Return the regular expression of one folder or file of a pattern."""
    if segment == "*":
        return "[^/]+"
    pieces = _NAME.split(segment)  # literal, name, literal, ...
    return "".join(
        f"(?P<{piece}>[^/]+?)" if number % 2 else re.escape(piece).replace(r"\*", "[^/]*")
        for number, piece in enumerate(pieces)
    )


def _check(pattern: str) -> None:
    names = _NAME.findall(pattern)
    if names.count(CLASS) != 1 or len(names) != len(set(names)):
        raise UserError(f"The layout {pattern!r} must name {{class}} once, and nothing twice, as in {{class}}/*.")
    if re.search(r"[{}]", _NAME.sub("", pattern)) or "" in pattern.split("/"):
        raise UserError(
            f"The layout {pattern!r} can't be read. Names in braces are of small letters; / stands between folders, "
            "and not at the start or the end."
        )


def _fitted(images: Paths, source: Path, pattern: str) -> Fit:
    fits = [fit(images, pattern, skip) for skip in range(len(_common(images)) + 1)]
    whole = [found for found in fits if found.placed and not found.misfits]
    found = max(whole or fits, key=lambda found: (len(found.classes()) > 1, len(found.placed)))
    if not whole:
        bad = found.misfits or found.left_out
        raise UserError(
            f"{source}: the layout {pattern!r} does not fit {len(bad):,} of {len(images):,} images:\n{some(bad)}\n"
            "Correct it, or take these images out. A folder written by its name, as train in train/{class}/*, leaves "
            "the images of other folders out."
        )
    return found


def _common(images: Paths) -> tuple[str, ...]:
    """Return the folders that contain all images."""
    common = images[0].parts[:-1]
    for image in images:
        while image.parts[: len(common)] != common:
            common = common[:-1]
    return common


def _levels(images: Paths) -> list[list[str]] | None:
    """Return the names of the folders at each depth, sorted; None if images are at several depths."""
    if len({len(image.parts) for image in images}) > 1:
        return None
    return [sorted(set(names)) for names in zip(*(image.parts[:-1] for image in images), strict=True)]


def _plain(images: Paths) -> str | None:
    """Return the pattern of a plain layout, or None for another layout."""
    levels = _levels(images)
    if not levels:
        return None
    segments = ["*"] * len(levels)
    several = [depth for depth, names in enumerate(levels) if len(names) > 1] or [len(levels) - 1]
    parts = [depth for depth in several if all(map(part_of, levels[depth]))]
    classes = [depth for depth in several if not any(map(part_of, levels[depth]))]
    if len(classes) != 1 or len(parts) != len(several) - 1 or len(parts) > 1:
        return None
    # P0, P1 or 0001-1000, 1001-2000 below another folder may also be patients or batches of one class.
    bare = {re.sub(r"\d+", "", name) for name in levels[classes[0]]}
    if len(levels[classes[0]]) > 1 and len(bare) == 1 and len(levels) > 1 and (bare != {""} or not parts):
        return None
    segments[classes[0]] = f"{{{CLASS}}}"
    for depth in parts:
        segments[depth] = f"{{{PART}}}"
    return "/".join([*segments, "*"])


def _readings(images: Paths, source: Path) -> str:
    """Return a message that lists the possible layouts."""
    lines = []
    for pattern in _candidates(images):
        found = fit(images, pattern, len(_common(images)) if pattern.startswith(f"{{{CLASS}}}/**") else 0)
        counts = found.classes()
        if not counts or found.misfits:
            continue
        shown = ", ".join(f"{printable(name)} {count:,}" for name, count in counts.most_common(SHOWN_CLASSES))
        more = f" and {len(counts) - SHOWN_CLASSES:,} more" if len(counts) > SHOWN_CLASSES else ""
        out = f"; {len(found.left_out):,} images are left out" if found.left_out else ""
        lines.append(f"{pattern}   {len(counts):,} {'class' if len(counts) == 1 else 'classes'}: {shown}{more}{out}")
    above = {folder for image in images for folder in image.parent.parents} | {PurePosixPath()}
    stray = [image for image in images if image.parent in above]
    outside = (
        f" Images outside a class folder ({len(stray):,}), whose class isn't known:\n{some(stray)}" if stray else ""
    )
    return (
        f"{source} is not laid out as one folder per class, so it isn't clear which folders are classes.{outside}\n"
        f"It can be read as:\n{some(list(dict.fromkeys(lines)) or ['nothing: no folder holds one class'])}\n"
        "Nothing was chosen."
    )


def _candidates(images: Paths) -> Iterator[str]:
    """Yield patterns that may fit."""
    levels = _levels(images)
    if levels:
        for depth, names in enumerate(levels):
            if all(map(part_of, names)) or (len(names) == 1 and depth < len(levels) - 2):
                continue
            others = [
                f"{{{PART}}}" if len(level) > 1 and all(map(part_of, level)) and other != depth else "*"
                for other, level in enumerate(levels)
            ]
            others[depth] = f"{{{CLASS}}}"
            yield "/".join([*others, "*"])
        return
    yield f"{{{CLASS}}}/**"
    below = len(_common(images))
    folders = sorted({image.parts[below] for image in images if len(image.parts) > below + 1})
    for folder in folders[:LISTED]:
        inside = [image for image in images if image.parts[below] == folder]
        if len(depths := {len(image.parts) for image in inside}) == 1 and (depth := depths.pop() - below) > 2:
            yield "/".join([*_common(images), folder, *["*"] * (depth - 3), f"{{{CLASS}}}", "*"])
    yield f"**/{{{CLASS}}}/*"
