"""Labelled images of another laboratory: class folders as sources that a classifier can take."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from wbc.fetch import archives, manifest
from wbc.predict.sources import Source, list_sources


class LabelledImages(NamedTuple):
    """The images of class folders, readable while these lie unpacked."""

    classes: list[str]  # names of its folders
    rows: list[manifest.Row]  # the usable images
    sources: list[Source]  # the same, in the same order
    bad: list[tuple[str, str]]  # (path, reason) of every file that is no image


@contextlib.contextmanager
def unpacked(archive: str) -> Iterator[LabelledImages]:
    """Unpack a zip or folder of class folders beside everything else, and remove it afterwards.

    Raises:
        UserError: there is no such zip or folder, or its folders aren't clear classes; see `archives.unpack`.
    """
    with tempfile.TemporaryDirectory(prefix="labelled") as folder:
        raw = Path(folder, "raw")
        report = archives.unpack(archive, raw).report
        images = manifest.build_manifest(raw)
        sources = list_sources(str(raw / row.path) for row in images.rows) if images.rows else []
        yield LabelledImages(report.labels, images.rows, sources, sorted(report.unusable + images.bad))
