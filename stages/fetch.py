"""Stage `fetch`: get the images that params.yaml names, check every one, and say what came.

    python -m stages.fetch

Reads section `fetch` of params.yaml. Writes data/raw/<class>/ (as delivered), data/quarantine/<class>/ (what can't be
used), data/manifest.csv, data/truth.csv (which cell each image shows, where that is known: for `audit` alone) and
data/fetch.json, all five or none.
"""

import contextlib
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd
import pydantic

from wbc.core import files, params
from wbc.core.errors import exit_on_user_error
from wbc.core.locks import file_lock
from wbc.core.progress import track
from wbc.data import archives, fetch_report, kaggle_download, manifest
from wbc.data.class_folders import UnpackReport
from wbc.synthetic import dataset
from wbc.synthetic.cells import CLASSES

RAW, QUARANTINE = Path("data/raw"), Path("data/quarantine")
MANIFEST, TRUTH, REPORT = Path("data/manifest.csv"), Path("data/truth.csv"), Path("data/fetch.json")
CACHE = Path(".cache/kaggle")  # downloads outlive the stage's outputs, which DVC deletes before each run
LOCK = Path(".cache/fetch.lock")


class KaggleParams(params.Section):
    """A public Kaggle data set."""

    dataset: str = pydantic.Field(pattern=r"^[\w-]+/[\w-]+$")  # OWNER/NAME
    version: int = pydantic.Field(ge=1)
    sha256: str | None = pydantic.Field(pattern=r"^[0-9a-f]{64}$")  # of the zip; null: not compared, but recorded


class FetchParams(params.Section):
    """Section `fetch` of params.yaml."""

    source: Literal["synthetic", "archive", "kaggle"]
    on_bad_image: Literal["stop", "quarantine"]
    archive: str = pydantic.Field(min_length=1)  # a zip or a folder of class folders
    kaggle: KaggleParams
    synthetic: dataset.SyntheticParams


class Origin(NamedTuple):
    """Where the images come from, in words and numbers that fetch.json keeps."""

    description: str
    name: str
    sha256: str | None
    delivery: UnpackReport
    cells: dict[str, str]  # path: the cell that the image shows, where that is known


@exit_on_user_error
def main():
    settings = params.load("params.yaml", "fetch", FetchParams)
    with file_lock(LOCK), contextlib.ExitStack() as whole:
        # They take their places in reverse order, data/fetch.json last.
        report, truth, table, quarantine, raw = (
            whole.enter_context(files.replacing(path)) for path in (REPORT, TRUTH, MANIFEST, QUARANTINE, RAW)
        )
        origin = deliver(settings, raw)
        found = manifest.build_manifest(raw)
        bad = sorted(origin.delivery.unusable + found.bad)
        if settings.on_bad_image == "stop":
            manifest.refuse_bad(bad, found.rows)
        manifest.refuse_vanished(origin.delivery.labels, found.rows, bad)
        manifest.set_aside(found.bad, raw, quarantine)
        files.write_csv(table, pd.DataFrame(found.rows, columns=manifest.Row._fields))
        files.write_csv(truth, pd.DataFrame(sorted(origin.cells.items()), columns=["path", "cell"]))
        content = fetch_report.describe(settings, origin, found, bad)
        files.write_json(report, content)
    print(fetch_report.summary(content))


def deliver(settings, raw):
    """Put the images of the source into `raw`/<class>/ and return their `Origin`."""
    if settings.source == "synthetic":
        return draw(settings.synthetic, raw)
    if settings.source == "archive":
        archive, name = Path(settings.archive), Path(settings.archive).resolve().name
        sha256 = files.sha256(archive) if archive.is_file() else None
        description = f"the images of {name}"
    else:
        kaggle = settings.kaggle
        archive, sha256 = kaggle_download.download(kaggle.dataset, kaggle.version, CACHE, kaggle.sha256)
        name = f"{kaggle.dataset} version {kaggle.version}"
        description = f"the Kaggle data set {kaggle.dataset}, version {kaggle.version}"
    return Origin(description, name, sha256, archives.unpack(archive, raw), {})


def draw(settings, raw):
    """Draw the synthetic data set into `raw`/<class>/ and return its `Origin`."""
    cells = {}
    total = len(CLASSES) * settings.cells_per_class * settings.copies_per_cell
    for drawing in track(dataset.draw_dataset(settings), "draw", total):
        path = f"{drawing.label}/{drawing.number:04d}.jpg"
        cells[path] = drawing.source
        (raw / drawing.label).mkdir(parents=True, exist_ok=True)
        drawing.image.save(raw / path, quality=dataset.JPEG_QUALITY)
    description = (
        f"synthetic drawings, not photographs: {settings.cells_per_class} cells a class, "
        f"{settings.copies_per_cell} copies a cell, seed {settings.seed}"
    )
    delivery = UnpackReport(sorted({path.split("/")[0] for path in cells}), [], [], {})
    return Origin(description, f"synthetic seed {settings.seed}", None, delivery, cells)


if __name__ == "__main__":
    main()
