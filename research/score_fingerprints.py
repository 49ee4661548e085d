"""Score the fingerprints of the cells that trained the backbone: recall of changed copies, and false alarms.

    python -m research.score_fingerprints bccd_cells.zip lisc.zip

Needs pretraining/cells/, which `python -m pretraining.cells` makes. The archives hold images of other cells, none of
which should match. 300 known cells are copied with each change that is usual in public datasets.
"""

import argparse
import io
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from pretraining.fingerprints import CELLS, OUTPUT
from wbc.common.errors import exit_on_user_error
from wbc.common.images import decode
from wbc.common.tables import read_csv
from wbc.split.near_duplicates.fingerprints import Fingerprints

COPIES = 300


@exit_on_user_error
def main() -> None:
    """Print the share of images that match, for copies of known cells and for other cells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archives", nargs="*", help="zips of other cells")
    archives = parser.parse_args().archives
    known, cells = Fingerprints.load(OUTPUT), read_csv(CELLS / "cells.csv")
    is_known = (cells["part"] != "test").to_numpy()
    random = np.random.default_rng(1)
    originals = random.choice(np.flatnonzero(is_known), COPIES, replace=False)
    images = [Image.fromarray(decode(CELLS / "raw" / cells["path"][row])[0]) for row in originals]
    for number, name in enumerate(changed(images[0])):
        copies = (np.asarray([*changed(image).values()][number]) for image in images)
        print(f"copies, {name}: {known.matches_pixels(copies).mean():.3f} recognized", flush=True)
    others = [CELLS / "raw" / path for path in cells.loc[~is_known, "path"]]
    print(f"other cells of the same laboratory: {describe(known.matches(others))}")
    for archive in archives:
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(archive) as content:
            content.extractall(folder)
            files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
            print(f"{Path(archive).name}: {describe(known.matches(files))}", flush=True)


def changed(image: Image.Image) -> dict[str, Image.Image]:
    """Return changed copies of an image, by the names of the changes."""
    side = image.width
    margins = {share: round(side * (1 - share) / 2) for share in (0.9, 0.8, 0.7)}
    centered = {share: image.crop((gap, gap, side - gap, side - gap)) for share, gap in margins.items()}
    gap = margins[0.8]
    return {
        "none": image,
        "96 px": image.resize((96, 96)),
        "80 px, JPEG 75": jpeg(image.resize((80, 80)), 75),
        "JPEG 50": jpeg(image, 50),
        "mirrored": ImageOps.mirror(image),
        "turned by 90 degrees, JPEG 75": jpeg(image.transpose(Image.Transpose.ROTATE_90), 75),
        **{f"middle {share} of each side": crop for share, crop in centered.items()},
        "0.8 of the height and 0.9 of the width, off center, 120 px, flipped, JPEG 80": jpeg(
            ImageOps.flip(image.crop((0, gap, side - gap, side - gap)).resize((120, 120))), 80
        ),
    }


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    """Return an image after JPEG compression."""
    content = io.BytesIO()
    image.save(content, "JPEG", quality=quality)
    return Image.open(content).convert("RGB")


def describe(matches: npt.NDArray[np.bool_]) -> str:
    """Return the number of images that match, as text."""
    return f"{matches.sum():,} of {len(matches):,} match"


if __name__ == "__main__":
    main()
