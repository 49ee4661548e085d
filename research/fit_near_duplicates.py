"""Fit the weights of wbc/split/near_duplicates/registration.py, which compare two registered images.

    python -m research.fit_near_duplicates cells.zip

`cells.zip` holds photographs of different cells in class folders. Augmented copies are made of some of them, sharp or
blurred (`research.copies`). As in the search, only pairs of images with near descriptors are compared. Pairs of one
cell are positive. Pairs of different cells, augmented or not, are negative. A logistic regression on
`registration.measures` gives the weights, which are printed for that module.

The weights there were fitted on the 8,552 cells of the Barcelona laboratory alone (see pretraining/README.md).
`search.SAME` was set by the same pairs: at log odds of 1, 0.947 of the pairs of one cell and 0.0003 of the pairs of two
cells are accepted. `search.TOGETHER` was chosen among 0, -1 and -2 on
`research.score_near_duplicates copies --seed 1 --strong --images 200` with BCCD's cells. Results with other seeds are
in docs/results/grouping.md.
"""

import argparse
import io
import zipfile
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from research.copies import copy
from wbc.common.errors import exit_on_user_error
from wbc.common.progress import track
from wbc.split.near_duplicates.canonical_frame import describe, frame
from wbc.split.near_duplicates.registration import PairFeatures, compare, measures

# (seed, cells, copies per cell, strong, blurred first, most positives, most negatives)
SETS = [
    (11, 250, 4, True, False, 800, 1000),
    (12, 150, 4, False, False, 500, 600),
    (13, 1500, 1, False, False, 0, 1500),
    (21, 250, 4, True, True, 800, 1000),
    (22, 150, 4, False, True, 500, 600),
    (23, 1500, 1, False, True, 0, 1500),
]
REGULARIZATION = 0.1  # scikit-learn's C: the measures are correlated, and large opposite weights would not transfer
DUPLICATE = 0.97  # correlation of fine detail at which "different" photographs are the same one


@exit_on_user_error
def main() -> None:
    """Fit the weights, and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", help="zip of class folders with one image per cell")
    archive = zipfile.ZipFile(parser.parse_args().archive)
    names = sorted(name for name in archive.namelist() if not name.endswith("/"))

    rows, same = [], []
    for number, settings in enumerate(SETS, start=1):
        pairs = pairs_of(archive, names, *settings)
        for features, is_same in track(pairs, f"set {number} of {len(SETS)}", total=sum(settings[5:]), unit="pairs"):
            if features and (is_same or features.bands[1] < DUPLICATE):
                rows.append(measures(features))
                same.append(is_same)
    keys = list(rows[0])
    table = np.array([[row[key] for key in keys] for row in rows])
    scaler = StandardScaler().fit(table)
    model = LogisticRegression(C=REGULARIZATION, max_iter=5000).fit(scaler.transform(table), same)
    weights = model.coef_[0] / scaler.scale_
    print(f"{sum(same):,} pairs of one cell, {len(same) - sum(same):,} of two")
    print("WEIGHTS = {")
    for key, weight in zip(keys, weights, strict=True):
        print(f'    "{key}": {weight:.3f},')
    print(f"}}\nINTERCEPT = {model.intercept_[0] - weights @ scaler.mean_:.3f}")


def pairs_of(
    archive: zipfile.ZipFile,
    names: list[str],
    seed: int,
    cells: int,
    copies: int,
    strong: bool,
    blurred: bool,
    most_same: int,
    most_other: int,
) -> Iterator[tuple[PairFeatures | None, bool]]:
    """Yield (features, whether it is one cell) of candidate pairs of one set; None if registration fails."""
    random = np.random.default_rng(seed)
    images: list[np.ndarray] = []
    numbers: list[int] = []
    for number in random.choice(len(names), min(cells, len(names)), replace=False):
        photograph = taken(Image.open(io.BytesIO(archive.read(names[number]))).convert("RGB"), random, blurred)
        for _ in range(copies):
            images.append(copy(photograph, random, strong) if copies > 1 else photograph)
            numbers.append(number)
    sources = np.array(numbers)
    canonical = [frame(image) for image in images]
    points = np.stack([describe(image.waves) for image in canonical])
    near = NearestNeighbors(n_neighbors=11).fit(points).kneighbors(points, return_distance=False)
    pairs = sorted({(min(i, j), max(i, j)) for i, row in enumerate(near.tolist()) for j in row if i != j})
    same = [pair for pair in pairs if sources[pair[0]] == sources[pair[1]]]
    different = [pair for pair in pairs if sources[pair[0]] != sources[pair[1]]]
    for chosen, most, is_same in ((same, most_same, True), (different, most_other, False)):
        for index in random.permutation(len(chosen))[:most]:
            first, second = chosen[index]
            yield compare(canonical[first], canonical[second]), is_same


def taken(photograph: Image.Image, random: np.random.Generator, blurred: bool) -> npt.NDArray[np.uint8]:
    """Crop a photograph, loosely or closely; blur it and lower its contrast where `blurred`."""
    side = min(photograph.size) * random.uniform(0.5, 1)
    left, top = ((length - side) / 2 for length in photograph.size)
    photograph = photograph.crop((int(left), int(top), int(left + side), int(top + side)))
    if not blurred:
        return np.asarray(photograph)
    pixels = np.asarray(photograph.filter(ImageFilter.GaussianBlur(random.uniform(0, 0.02) * side))).astype(np.float32)
    mean = pixels.mean(axis=(0, 1))
    return np.clip((pixels - mean) * random.uniform(0.4, 1) + mean, 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
