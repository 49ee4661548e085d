"""Stage `fetch`: get the images that params.yaml names, check every one, and say what came.

    python -m stages.fetch

Reads section `fetch` of params.yaml, and what it names in data/labels/: images to leave out, other labels. Writes
data/images/<class>/ (as delivered, under the label that holds), data/quarantine/<class>/ (what can't or shall not be
used), data/manifest.csv, data/truth.csv (which cell each image shows, where that is known: for `audit` alone) and
data/fetch.json, all five or none.
"""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import pandas as pd
import pydantic

from wbc.common import files, params
from wbc.common.errors import UserError, advise, exit_on_user_error
from wbc.common.progress import track
from wbc.fetch import archives, corrections, fetch_report, found_files, kaggle_download, manifest
from wbc.fetch.class_folders import UnpackReport
from wbc.fetch.drawn import dataset
from wbc.fetch.drawn.cells import CLASSES
from wbc.fetch.locks import file_lock
from wbc.fetch.workspaces import copy_advice

RAW, QUARANTINE = Path("data/images"), Path("data/quarantine")
MANIFEST, TRUTH, REPORT = Path("data/manifest.csv"), Path("data/truth.csv"), Path("data/fetch.json")
LABELS = Path("data/labels")  # what the user corrects
FOUND = Path("data/found")  # what somebody put among the images
CACHE = Path(".cache/kaggle")  # downloads outlive the stage's outputs, which DVC deletes before each run
LOCK = Path(".cache/fetch.lock")


class KaggleParams(params.Section):
    """A public Kaggle data set."""

    dataset: str = pydantic.Field(pattern=r"^[\w-]+/[\w-]+$")  # OWNER/NAME
    version: int = pydantic.Field(ge=1)
    sha256: str | None = pydantic.Field(pattern=r"^[0-9a-f]{64}$")  # of the zip; null: not compared, but recorded


class Origin(NamedTuple):
    """Where the images come from, in words and numbers that fetch.json keeps."""

    description: str
    name: str
    sha256: str | None
    report: UnpackReport
    cells: dict[str, str]  # path: the cell that the image shows, where that is known


def draw(settings: "FetchParams", raw: Path) -> Origin:
    """Draw the synthetic data set into `raw`/<class>/."""
    synthetic = settings.synthetic
    cells = {}
    total = len(CLASSES) * synthetic.cells_per_class * synthetic.copies_per_cell
    for drawing in track(dataset.draw_dataset(synthetic), "draw", total):
        path = f"{drawing.label}/{drawing.number:04d}.jpg"
        cells[path] = drawing.source
        (raw / drawing.label).mkdir(parents=True, exist_ok=True)
        drawing.image.save(raw / path, quality=dataset.JPEG_QUALITY)
    description = (
        f"synthetic drawings, not photographs: {synthetic.cells_per_class} cells per class, "
        f"{synthetic.copies_per_cell} copies per cell, seed {synthetic.seed}"
    )
    report = UnpackReport(sorted({path.split("/")[0] for path in cells}), [], [], {})
    return Origin(description, f"synthetic seed {synthetic.seed}", None, report, cells)


def unpack_archive(settings: "FetchParams", raw: Path) -> Origin:
    """Copy a user's own images to `raw`/<class>/."""
    # As params.yaml has it, so the same on every machine: what a link leads to, such as DVC's cache, has another name.
    name = Path(os.path.normpath(Path.cwd() / settings.archive)).name
    copied = copy_advice(settings.archive)
    with advise(f"Put that right, or name another zip or folder by `fetch.archive` in params.yaml.{copied}"):
        unpacked = archives.unpack(settings.archive, raw)
    return Origin(f"the images of {name}", name, unpacked.sha256, unpacked.report, {})


def download_from_kaggle(settings: "FetchParams", raw: Path) -> Origin:
    """Download a Kaggle data set and unpack it into `raw`/<class>/."""
    kaggle = settings.kaggle
    advice = (
        "`fetch.kaggle` in params.yaml says what is downloaded (dataset, version, sha256). Put that right, or use "
        "another source: `fetch.source: archive` with `fetch.archive`, or `fetch.source: synthetic`."
    )
    with advise(advice):
        zip_file, sha256 = kaggle_download.download(kaggle.dataset, kaggle.version, CACHE, kaggle.sha256)
        unpacked = archives.unpack(zip_file, raw)
    if unpacked.sha256 != sha256:
        raise UserError(f"{zip_file} was changed while it was read.")
    return Origin(
        f"the Kaggle data set {kaggle.dataset}, version {kaggle.version}",
        f"{kaggle.dataset} version {kaggle.version}",
        sha256,
        unpacked.report,
        {},
    )


# Every source of images: the word of `fetch.source`, and the function that puts its images into a folder.
SOURCES: dict[str, Callable[["FetchParams", Path], Origin]] = {
    "synthetic": draw,
    "archive": unpack_archive,
    "kaggle": download_from_kaggle,
}


FileName = Annotated[str, pydantic.Field(min_length=1)]


class FetchParams(params.Section):
    """Section `fetch` of params.yaml."""

    source: params.one_of(SOURCES)  # type: ignore[valid-type]
    on_bad_image: Literal["stop", "quarantine"]
    archive: str = pydantic.Field(min_length=1)  # a zip or a folder of class folders
    exclude: FileName | None  # in data/labels/
    relabel: FileName | None
    kaggle: KaggleParams
    synthetic: dataset.SyntheticParams


@exit_on_user_error
def main() -> None:
    """Get the images, check them, and say what came."""
    settings = params.load("params.yaml", "fetch", FetchParams)
    with advise("`fetch.exclude` and `fetch.relabel` in params.yaml name these lists. Then type `dvc repro`."):
        listed = corrections.read(LABELS, settings.exclude, settings.relabel)
    with contextlib.ExitStack() as whole:
        whole.enter_context(advise("Then type `dvc repro`."))
        whole.enter_context(file_lock(LOCK))
        # They take their places in reverse order, data/fetch.json last.
        report, truth, table, quarantine, raw = (
            whole.enter_context(files.replacing(path)) for path in (REPORT, TRUTH, MANIFEST, QUARANTINE, RAW)
        )
        origin = SOURCES[settings.source](settings, raw)
        with advise("`fetch.exclude` and `fetch.relabel` in params.yaml name these lists. Put that right."):
            corrected = corrections.correct(raw, quarantine, listed)
        images = manifest.build_manifest(raw)
        bad = sorted(origin.report.unusable + images.bad)
        if settings.on_bad_image == "stop":
            with advise("Or set `fetch.on_bad_image: quarantine` in params.yaml to set them aside."):
                manifest.refuse_bad(bad, images.rows)
        manifest.refuse_vanished(origin.report.labels, images.rows, bad)
        manifest.quarantine_bad(images.bad, raw, quarantine)
        files.write_csv(table, pd.DataFrame(images.rows, columns=manifest.Row._fields))
        cells = sorted((corrected.relabelled.get(path, path), cell) for path, cell in origin.cells.items())
        files.write_csv(truth, pd.DataFrame(cells, columns=["path", "cell"]))
        content = fetch_report.describe(
            settings, origin, images, sorted(bad + corrected.excluded), corrected.relabelled
        )
        files.write_json(report, content)
        # Where other projects want a user's own images, data/images/, they would be deleted with the old ones.
        if note := found_files.set_aside(RAW, MANIFEST, FOUND):
            print(f"{note} Images of your own belong in a folder that `fetch.archive` in params.yaml names.")
    print(fetch_report.summary(content))


if __name__ == "__main__":
    main()
