"""Labelled images of another laboratory: a folder or zip with a folder for each class, as sources of a classifier."""

import contextlib
import difflib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from wbc.common.errors import UserError
from wbc.common.progress import track
from wbc.fetch import archives
from wbc.predict.adaptation import Cells
from wbc.predict.classifier import Classifier
from wbc.predict.sources import Source, file_source, list_sources

LISTED = 10  # unusable files that a message names
BEGINNING = 3  # first letters that spellings of a class share: a prolymphocyte is no lymphocyte
ALIKE = 0.85  # lowest ratio by difflib at which two names are spellings of one class


class LabelledImages(NamedTuple):
    """The images of class folders, readable while these are unpacked."""

    classes: list[str]  # names of the folders
    labels: list[str]  # folder of each image
    sources: list[Source]  # in the same order, called <class>/<file>
    bad: list[tuple[str, str]]  # (path, reason) of files whose names can't be used


@contextlib.contextmanager
def unpacked(archive: str) -> Iterator[LabelledImages]:
    """Unpack a zip or folder of class folders into a temporary folder, and remove it afterwards.

    A single class, or a folder of images that is itself a class, is read in place: `archives.unpack` requires two
    classes, as training does.

    Raises:
        UserError: there is no such zip or folder, or its folders aren't clear classes; see `archives.unpack`.
    """
    if one := _of_one_class(archive):
        yield one
        return
    with tempfile.TemporaryDirectory(prefix="labelled") as folder:
        raw = Path(folder, "raw")
        report = archives.unpack(archive, raw).report
        paths = sorted(path.relative_to(raw).as_posix() for path in raw.glob("*/*"))
        sources = [file_source(raw / path, path) for path in paths]
        yield LabelledImages(report.labels, [path.split("/")[0] for path in paths], sources, report.unusable)


def _of_one_class(archive: str) -> LabelledImages | None:
    if not Path(archive).is_dir() and not Path(archive).is_file():
        return None
    with contextlib.suppress(UserError):  # `archives.unpack` reports it
        found = list_sources([archive])
        names = [PurePosixPath(source.name).relative_to(PurePosixPath(Path(archive).as_posix())) for source in found]
        folders = {name.parent for name in names}
        label = folders.pop().name or Path(archive).resolve().name  # the folder itself may be the class
        if not folders:
            sources = [source._replace(name=f"{label}/{name.name}") for source, name in zip(found, names, strict=True)]
            return LabelledImages([label], [label] * len(sources), sources, [])
    return None


def translation(theirs: Sequence[str], ours: Sequence[str], given: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """Return the classifier's class of each folder, and a note on the matched names.

    A name that differs in letter case, by a plural or by a letter or two is matched: `Neutrophils` is `neutrophil`.

    >>> translation(["Monocytes", "platelet"], ["monocyte"], {})
    ({'Monocytes': 'monocyte'}, 'Class names matched: Monocytes = monocyte.')

    Args:
        theirs: names of the folders.
        ours: class names of the classifier.
        given: {theirs: ours} by the user; it takes precedence.

    Returns:
        {theirs: ours} of the folders that are a class of the classifier, and the note or "".

    Raises:
        UserError: `given` names a folder or a class that isn't there.
    """
    if unknown := sorted(given.keys() - set(theirs)):
        raise UserError(
            f"`labels` names {', '.join(unknown)}; the labelled images have the classes {', '.join(theirs)}."
        )
    if unknown := sorted(set(given.values()) - set(ours)):
        raise UserError(f"`labels` leads to {', '.join(unknown)}; the classifier has the classes {', '.join(ours)}.")
    by_spelling = {_spelling(name): name for name in ours}
    known, matched = {}, []
    for name in theirs:
        if name in given or name in ours:
            known[name] = given.get(name, name)
            continue
        begins = [spelling for spelling in by_spelling if spelling[:BEGINNING] == _spelling(name)[:BEGINNING]]
        if close := difflib.get_close_matches(_spelling(name), begins, n=1, cutoff=ALIKE):
            known[name] = by_spelling[close[0]]
            matched.append(f"{name} = {known[name]}")
    return known, f"Class names matched: {', '.join(matched)}." if matched else ""


def known_classes(theirs: Sequence[str], ours: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
    """Return the `translation` of folders that must all be classes of the classifier, and print its note.

    Raises:
        UserError: a folder is no class of the classifier; or as `translation`.
    """
    known, note = translation(theirs, ours, given)
    if unknown := sorted(set(theirs) - known.keys()):
        raise UserError(
            f"There are folders that are no class of the classifier: {', '.join(unknown)}. It has {', '.join(ours)}. "
            f"Take them out, or name their class by `--labels {unknown[0]}=OURS`."
        )
    if note:
        print(note)
    return known


def described(archive: str, classifier: Classifier, given: Mapping[str, str]) -> tuple[Cells, list[float]]:
    """Return features and labels of cells, and the share of its image that each cell covers.

    Raises:
        UserError: a file can't be read, a folder is no class of the classifier, or there is one class only.
    """
    with unpacked(archive) as images:
        known = known_classes(images.classes, classifier.classes, given)
        cells = [*track(classifier.describe(images.sources), "describe", total=len(images.sources))]
    bad = [(cell.source.name, cell.error) for cell in cells if cell.error] + images.bad
    if bad:
        listed = "\n".join(f"  - {path}: {error}" for path, error in bad[:LISTED])
        raise UserError(f"{len(bad):,} files can't be used:\n{listed}\nRepair them, or take them out.")
    labels = np.array([classifier.classes.index(known[label]) for label in images.labels])
    if len(np.unique(labels)) < 2:
        raise UserError(f"{archive} holds cells of one class; adapting takes two or more.")
    features = [cell.features for cell in cells if cell.features is not None]
    return Cells(np.stack(features), labels), [cell.foreground for cell in cells]


def _spelling(name: str) -> str:
    """Return a class name without letter case, separators and the ending of a plural."""
    return "".join(letter for letter in name.casefold() if letter.isalnum()).removesuffix("s")
