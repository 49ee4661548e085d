"""Every source of images: drawn cells, the user's own archive, Kaggle."""

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

CACHE = Path(".cache/kaggle")  # downloads outlive the stage's outputs, which DVC deletes before each run


class Origin(NamedTuple):
    """A source of images, described for the record."""

    description: str
    name: str
    sha256: str | None  # of the zip; None without one
    report: UnpackReport
    cells: dict[str, str]  # path: the cell that the image shows, where that is known


def get(settings: FetchParams, images: Path, labels: LabelTable | None) -> Origin:
    """Write the images of the source that `settings` names into `images`/<class>/.

    Args:
        settings: section `fetch` of params.yaml.
        images: folder that doesn't exist yet.
        labels: the table that `settings.labels` names.

    Raises:
        UserError: the source isn't there, can't be reached, or doesn't hold clear classes.
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
    # As params.yaml has it, so the same on every machine: what a link leads to, such as DVC's cache, has another name.
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


# By the words of `fetch.source`: functions that put images into a folder.
_SOURCES: dict[str, Callable[[FetchParams, Path, Reading], Origin]] = {
    "synthetic": _draw,
    "archive": _unpack_archive,
    "kaggle": _download_from_kaggle,
}
