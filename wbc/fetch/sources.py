"""Sources of images: drawn cells, the user's own archive, Kaggle."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from wbc.common.errors import UserError, advise
from wbc.common.progress import track
from wbc.fetch import archives, kaggle_download
from wbc.fetch.archive_check import copy_advice
from wbc.fetch.class_folders import Masks, Reading, UnpackReport
from wbc.fetch.drawn import dataset
from wbc.fetch.drawn.cells import CLASSES
from wbc.fetch.label_table import LabelTable
from wbc.fetch.layout import UnclearLayout
from wbc.fetch.params import FetchParams

CACHE = Path(".cache/kaggle")  # outside the stage's outputs, which each run replaces


class Origin(NamedTuple):
    """Description of a source of images, for the record."""

    description: str
    name: str
    sha256: str | None  # of the zip; None without one
    report: UnpackReport
    cells: dict[str, str]  # path: the cell that the image shows, if it is known


def get(settings: FetchParams, images: Path, labels: LabelTable | None) -> Origin:
    """Write the images of the source that `settings` names into `images`/<class>/.

    Args:
        settings: section `fetch` of params.yaml.
        images: folder that doesn't exist yet.
        labels: the table that `settings.labels` names.

    Raises:
        UserError: the source is missing or unreachable, or its classes are unclear.
    """
    reading = Reading(settings.layout, labels, settings.on_mask == "keep")
    with (
        advise(
            "Set `fetch.layout` in params.yaml to the pattern that fits. Write {patient} or {slide} instead of a * "
            "whose images shall stay together, and {part} for folders of training and test images.",
            UnclearLayout,
        ),
        advise("Or set `fetch.on_mask: keep` in params.yaml if they are photographs.", Masks),
    ):
        return _SOURCES[settings.source](settings, images, reading)


def _draw(settings: FetchParams, images: Path, _: Reading) -> Origin:
    synthetic = settings.synthetic
    cells = {}
    total = len(CLASSES) * synthetic.cells_per_class * synthetic.copies_per_cell
    for drawing in track(dataset.draw_dataset(synthetic), "draw", total):
        path = f"{drawing.label}/{drawing.number:04d}.jpg"
        cells[path] = drawing.source
        (images / drawing.label).mkdir(parents=True, exist_ok=True)
        drawing.image.save(images / path, quality=dataset.JPEG_QUALITY)
    description = (
        f"synthetic drawings, not photographs: {synthetic.cells_per_class} cells per class, "
        f"{synthetic.copies_per_cell} copies per cell, seed {synthetic.seed}"
    )
    report = UnpackReport(list(CLASSES), [], [], {}, [], [], {})
    return Origin(description, f"synthetic seed {synthetic.seed}", None, report, cells)


def _unpack_archive(settings: FetchParams, images: Path, reading: Reading) -> Origin:
    # The name in params.yaml is the same on every machine; the target of a link, such as in DVC's cache, has another.
    name = Path(os.path.normpath(Path.cwd() / settings.archive)).name
    copied = copy_advice(settings.archive)
    with advise(f"Correct that, or name another zip or folder by `fetch.archive` in params.yaml.{copied}"):
        unpacked = archives.unpack(settings.archive, images, reading)
    return Origin(f"the images of {name}", name, unpacked.sha256, unpacked.report, {})


def _download_from_kaggle(settings: FetchParams, images: Path, reading: Reading) -> Origin:
    kaggle = settings.kaggle
    advice = (
        "`fetch.kaggle` in params.yaml names the download (dataset, version, sha256). Correct that, or use "
        "another source: `fetch.source: archive` with `fetch.archive`, or `fetch.source: synthetic`."
    )
    with advise(advice):
        zip_file, sha256 = kaggle_download.download(kaggle.dataset, kaggle.version, CACHE, kaggle.sha256)
        unpacked = archives.unpack(zip_file, images, reading)
    if unpacked.sha256 != sha256:
        raise UserError(f"{zip_file} was changed while it was read.")
    return Origin(
        f"the Kaggle data set {kaggle.dataset}, version {kaggle.version}",
        f"{kaggle.dataset} version {kaggle.version}",
        sha256,
        unpacked.report,
        {},
    )


# Functions that write images into a folder, by the value of `fetch.source`.
_SOURCES: dict[str, Callable[[FetchParams, Path, Reading], Origin]] = {
    "synthetic": _draw,
    "archive": _unpack_archive,
    "kaggle": _download_from_kaggle,
}
