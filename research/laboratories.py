"""The white cells of four laboratories and their features, for the tables of docs/results/domain-shift.md.

Barcelona (PBC)   parts train, valid and test of pretraining/cells/
Raabin-WBC        parts Train, TestA and TestB, as published
LISC, BCCD        all cells; LISC for testing only
"""

import argparse
import functools
import hashlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from wbc.common.files import replacing, sha256
from wbc.common.images import decode, resize, zoomed
from wbc.common.progress import prefetch, track
from wbc.embed import backbones, engines
from wbc.embed.views import mean_feature
from wbc.pretraining import parts
from wbc.pretraining.laboratories import read_home

CLASSES = ["basophil", "eosinophil", "lymphocyte", "monocyte", "neutrophil"]
ARCHIVES, HOME, FEATURES = Path("pretraining/archives"), Path("pretraining/cells"), Path(".cache/shift")
IMAGE_SIZE = 128  # pixels
SHIPPED = Path("pretraining/efficientnetb0.weights.h5")
ZOOMS = (1.0, 1 / 0.71, 1 / 0.56)  # whole images and their middles, as the shipped classifier is fitted on


def read_cells() -> pd.DataFrame:
    """Return all white cells as a table: file, label, number (of the class), laboratory, part, photograph."""
    home = read_home(HOME, CLASSES, "pretraining/params.yaml").assign(laboratory="barcelona", photograph="")
    others = [
        parts.read_parts(ARCHIVES / f"{archive}.zip").assign(laboratory=name)
        for name, archive in (("raabin", "raabin"), ("lisc", "lisc"), ("bccd", "bccd_cells"))
    ]
    table = pd.concat([home, *others])[["file", "label", "laboratory", "part", "photograph"]].reset_index(drop=True)
    table.loc[table["laboratory"].isin(["lisc", "bccd"]), "part"] = "all"
    return table.assign(number=table["label"].map(CLASSES.index))


def features(weights: Path, cells: pd.DataFrame, zooms: Sequence[float] = (1.0,)) -> npt.NDArray[np.float16]:
    """Return the features of cells, each averaged over an image and its mirror image; computed once and kept.

    Args:
        weights: path of the backbone's weights.
        cells: a table with the column file.
        zooms: of each image.

    Returns:
        array (cells, zooms, n).
    """
    files = "\n".join(map(str, cells["file"]))
    key = hashlib.sha256(f"{sha256(weights)} {IMAGE_SIZE} {list(zooms)} {files}".encode()).hexdigest()[:24]
    kept = FEATURES / f"{key}.npy"
    if not kept.exists():
        computed = _compute(weights, cells["file"].tolist(), zooms)
        with replacing(kept) as partial, partial.open("wb") as file:
            np.save(file, computed)
    return np.load(kept, allow_pickle=False)


@functools.cache
def _forward(weights: Path) -> engines.Forward:
    return engines.build("openvino", backbones.build(IMAGE_SIZE, weights)).load()


def _compute(weights: Path, files: Sequence[Path], zooms: Sequence[float]) -> npt.NDArray[np.float16]:
    def views(file: Path) -> list[npt.NDArray[np.uint8]]:
        pixels = decode(file)[0]
        shown = [resize(zoomed(pixels, zoom), IMAGE_SIZE) for zoom in zooms]
        return [view for image in shown for view in (image, np.ascontiguousarray(image[:, ::-1]))]

    def every_view() -> Iterator[npt.NDArray[np.uint8]]:
        for of_file in track(prefetch(views, files), "embed", total=len(files)):
            yield from of_file

    rows = itertools.chain.from_iterable(_forward(weights)(every_view()))
    means = [mean_feature([next(rows), next(rows)]) for _ in range(len(files) * len(zooms))]
    return np.stack(means).astype(np.float16).reshape(len(files), len(zooms), -1)


def output_file(description: str | None) -> Path:
    """Return the file that the command line of a script names by --output.

    Args:
        description: what --help prints, the script's docstring.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="write the scores there as JSON")
    output: Path = parser.parse_args().output
    return output
