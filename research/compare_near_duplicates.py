"""Compare the search for near-duplicates with imagededup and cleanvision.

    python -m research.compare_near_duplicates --libraries PYTHON --truth tiles.zip sources.csv --copies cells.zip \
        --single cells.zip --single other_cells.zip --sample 1000

PYTHON is an interpreter with imagededup and cleanvision. They are not packages of this project: install them elsewhere,
with `pip install imagededup cleanvision`. The results, and what they mean, are in docs/results/grouping.md.

`--truth` is an archive with a table of sources (columns file, label, source). `--copies` makes strongly changed copies
of an archive's cells, see `research.copies`. For these two the true pairs are known, and every threshold of every
library is tried. Images that a chain of pairs connects form a group. The tables show

    best          the threshold with the highest F1 of pairs, and recall, precision and leak at it
    lowest leak   the lowest leak at any threshold that leaves a test part of at least 10 %, with every class in it

A pair counts if its two images are in one group. The leak is the share of test images with an image of the same cell in
training, averaged over three splits by group. `--single` archives hold one image per cell. Their table shows the share
of images that are in a group with another image, at each library's best thresholds. The weights of imagededup's CNN
must be downloaded. So its CNN class gets encodings of this project here: the features of the backbone, and the
descriptor of wbc/split/near_duplicates/canonical_frame.py.
"""

import argparse
import csv
import json
import shutil
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from research.score_near_duplicates import make
from wbc.common.errors import UserError, exit_on_user_error
from wbc.common.images import decode, resize
from wbc.embed.views import tta_images
from wbc.evaluate.truth import pair_scores
from wbc.split.near_duplicates.canonical_frame import describe, frame
from wbc.split.near_duplicates.search import find_near_duplicates
from wbc.split.parts import split_by_group

LIBRARIES = Path(__file__).with_name("near_duplicate_libraries.py")
WEIGHTS = Path("pretraining/efficientnetb0.weights.h5")
IMAGE_SIZE = 128  # pixels, as in the training of the weights
SHARES = (0.7, 0.15)
SEEDS = (1, 2, 3)  # of the splits
LEAST_TEST = 0.1  # share of the images
THRESHOLDS = 40  # for each encoding, denser at small distances


class ImageSet(NamedTuple):
    """Images, with their cells where these are known."""

    name: str
    files: list[Path]
    labels: list[str]
    cells: npt.NDArray[np.int64] | None


class Candidate(NamedTuple):
    """Groups found by one method at one threshold."""

    setting: str
    threshold: float | None
    groups: npt.NDArray[np.int64]


class Score(NamedTuple):
    """Scores of a candidate on images of known cells."""

    recall: float  # of pairs
    precision: float  # of pairs
    leak: float  # share of the test images
    usable: bool  # whether the test part is large enough and has every class

    @property
    def f1(self) -> float:
        """Return the harmonic mean of recall and precision."""
        return 2 * self.recall * self.precision / max(self.recall + self.precision, 1e-12)


@exit_on_user_error
def main() -> None:
    """Print the comparison as tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--libraries", required=True, help="a Python interpreter with imagededup and cleanvision")
    parser.add_argument("--truth", nargs=2, action="append", default=[], metavar=("ARCHIVE", "SOURCES"))
    parser.add_argument("--copies", action="append", default=[], metavar="ARCHIVE")
    parser.add_argument("--single", action="append", default=[], metavar="ARCHIVE")
    parser.add_argument("--seed", type=int, default=3, help="of the copies")
    parser.add_argument("--images", type=int, default=700, help="copies of a class")
    parser.add_argument("--sample", type=int, default=1000, help="most images of a --single archive")
    parser.add_argument(
        "--orientations", type=int, default=1, choices=(1, 8), help="that the features are averaged over"
    )
    arguments = parser.parse_args()
    chosen: dict[str, dict[tuple[str, str], float | None]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, images in enumerate(image_sets(arguments, Path(folder))):
            work = Path(folder, f"set-{number}")
            found, milliseconds = own_groups(images)
            wanted = None if images.cells is not None else [best for each in chosen.values() for best in each.items()]
            by_library, times = library_groups(images, arguments.libraries, arguments.orientations, work, wanted)
            milliseconds |= times
            if images.cells is None:
                print_single(images, found, by_library, chosen)
            else:
                chosen[images.name] = print_known(images, found, by_library, milliseconds)


def image_sets(arguments: argparse.Namespace, folder: Path) -> list[ImageSet]:
    """Return the image sets that the arguments ask for; sets of known cells come first.

    Args:
        arguments: of the command.
        folder: to extract archives and to write copies to.
    """
    sets = []
    for archive, table in arguments.truth:
        files = extract(archive, folder)
        with Path(table).open(newline="") as file:
            known = {str(PurePosixPath(row["file"])): row["source"] for row in csv.DictReader(file)}
        sources = [known[f"{path.parent.name}/{path.name}"] for path in files]
        sets.append(ImageSet(Path(archive).name, files, names(files), numbers(sources)))
    for archive in arguments.copies:
        files = extract(archive, folder)
        settings = argparse.Namespace(seed=arguments.seed, images=arguments.images, strong=True)
        files, labels, sources = make(files, names(files), folder / f"copies-{Path(archive).stem}", settings)
        name = f"strong copies of {Path(archive).name}, seed {arguments.seed}"
        sets.append(ImageSet(name, files, labels, numbers(sources)))
    for archive in arguments.single:
        files = extract(archive, folder)
        if len(files) > arguments.sample:
            random = np.random.default_rng(1)
            files = [files[index] for index in sorted(random.choice(len(files), arguments.sample, replace=False))]
        sets.append(ImageSet(f"{len(files):,} cells of {Path(archive).name}", files, names(files), None))
    return sets


def extract(archive: str, folder: Path) -> list[Path]:
    """Extract an archive of class folders, once, and return its files."""
    target = folder / Path(archive).stem
    if not target.exists():
        with zipfile.ZipFile(archive) as file:
            file.extractall(target)
    return sorted(path for path in target.rglob("*") if path.is_file())


def names(files: Sequence[Path]) -> list[str]:
    """Return the class of each file, the name of its folder."""
    return [path.parent.name for path in files]


def numbers(sources: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return the number of each image's cell."""
    return np.unique(sources, return_inverse=True)[1]


def own_groups(images: ImageSet) -> tuple[dict[str, list[Candidate]], dict[str, float]]:
    """Return the groups that the project's search finds, and its CPU time in milliseconds per image."""
    started = time.process_time()
    found = find_near_duplicates(images.files)
    spent = 1000 * (time.process_time() - started) / len(images.files)
    groups = {"none: a split by file": np.arange(len(images.files))}
    groups |= {"wbc/split, `photo_id`": found.photo_id, "wbc/split, `group`": found.group}
    return {name: [Candidate("", None, own)] for name, own in groups.items()}, dict.fromkeys([*groups][1:], spent)


def library_groups(
    images: ImageSet,
    python: str,
    orientations: int,
    work: Path,
    wanted: Sequence[tuple[tuple[str, str], float | None]] | None = None,
) -> tuple[dict[str, list[Candidate]], dict[str, float]]:
    """Return the groups that each library's method finds at each of its thresholds, and its CPU time.

    Args:
        images: the images.
        python: an interpreter with the libraries.
        orientations: of an image over which the backbone's features are averaged.
        work: folder for files that the two processes exchange.
        wanted: ((method, setting), threshold) to return; by default, all in `thresholds`.

    Returns:
        ({method: candidates}, {method: milliseconds per image, the slowest setting}).
    """
    folder = work / "images"
    folder.mkdir(parents=True)
    for number, file in enumerate(images.files):
        shutil.copyfile(file, folder / f"{number:05d}{file.suffix.lower()}")
    encodings, seconds = encode(images.files, orientations)
    np.savez(work / "encodings.npz", **encodings)  # type: ignore[arg-type]
    command = [python, str(LIBRARIES), str(folder), str(work / "found"), "--encodings", str(work / "encodings.npz")]
    process = subprocess.run(command, capture_output=True, text=True)
    if process.returncode:
        last = (process.stderr.strip() or "no message").splitlines()[-1]
        raise UserError(f"{python} could not compare the images: {last}")
    candidates: dict[str, list[Candidate]] = {}
    milliseconds: dict[str, float] = {}
    for method in json.loads((work / "found/methods.json").read_text()):
        found = np.load(work / "found" / method["file"])
        spent = method["seconds"] + seconds.get(method["method"].rpartition(", ")[2], 0)
        name = method["method"]
        milliseconds[name] = max(milliseconds.get(name, 0), 1000 * spent / len(images.files))
        tried: Sequence[float | None] = thresholds(found["distances"]) if method["default"] is not None else [None]
        if wanted is not None:
            tried = [threshold for key, threshold in wanted if key == (name, method["setting"])]
        for threshold in tried:
            within = found["distances"] <= (np.inf if threshold is None else threshold)
            groups = group(found["pairs"][within], len(images.files))
            candidates.setdefault(name, []).append(Candidate(method["setting"], threshold, groups))
    return candidates, milliseconds


def encode(files: Sequence[Path], orientations: int) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Return the encodings that imagededup's CNN class compares, and the CPU time that they take.

    Args:
        files: image files.
        orientations: of an image over which the backbone's features are averaged.

    Returns:
        ({name: array (files, numbers)}, {name: seconds for all files}).
    """
    from wbc.embed import backbones, engines
    from wbc.embed.tensorflow_setup import start

    start(0)
    forward = engines.build("openvino", backbones.build(IMAGE_SIZE, WEIGHTS)).load()
    started = time.process_time()
    views = (view for file in files for view in tta_images(resize(decode(file)[0], IMAGE_SIZE), orientations))
    rows = np.concatenate([*forward(views)])
    features = rows.reshape(len(files), orientations, -1).mean(axis=1)
    embedded = time.process_time()
    descriptors = np.array([describe(frame(decode(file)[0]).waves) for file in files])
    seconds = {"backbone features": embedded - started, "descriptor": time.process_time() - embedded}
    return {"backbone features": features, "descriptor": descriptors}, seconds


def thresholds(distances: npt.NDArray[np.float32]) -> list[float]:
    """Return the thresholds to try: all distances if they are few, else quantiles, denser at small distances."""
    different = np.unique(distances)
    if len(different) > THRESHOLDS:
        different = np.unique(np.quantile(distances, np.linspace(0, 1, THRESHOLDS) ** 2, method="lower"))
    return different.tolist() or [0.0]


def group(pairs: npt.NDArray[np.int32], count: int) -> npt.NDArray[np.int64]:
    """Return the group of each of `count` images; images that a chain of pairs connects are in one.

    >>> group(np.array([[0, 1], [1, 3]]), 5).tolist()
    [0, 0, 1, 0, 2]
    """
    graph = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return connected_components(graph, directed=False)[1]


def score(images: ImageSet, groups: npt.NDArray[np.int64]) -> Score:
    """Return the `Score` of groups; a set that can't be split has a leak of 1 and isn't usable."""
    assert images.cells is not None
    pairs = pair_scores(groups, images.cells)
    leaks, usable = [], True
    for seed in SEEDS:
        try:
            parts = split_by_group(images.labels, groups, SHARES, seed)
        except UserError:
            leaks, usable = [1.0], False
            break
        test, train = parts == "test", parts == "train"
        leaks.append(float(np.isin(images.cells[test], images.cells[train]).mean()))
        classes = set(np.array(images.labels)[test])
        usable &= bool(test.mean() >= LEAST_TEST) and len(classes) == len(set(images.labels))
    return Score(pairs["pair_recall"] or 0, pairs["pair_precision"] or 0, float(np.mean(leaks)), usable)


def print_known(
    images: ImageSet,
    own: dict[str, list[Candidate]],
    libraries: dict[str, list[Candidate]],
    milliseconds: dict[str, float],
) -> dict[tuple[str, str], float | None]:
    """Print the table of a set of known cells; return {(method, setting): best threshold} of the libraries."""
    print(f"\n{images.name}: {len(images.files):,} images\n")
    print("| method | best threshold | recall | precision | leak | lowest leak (threshold) | CPU ms per image |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    best = {}
    for method, candidates in (own | libraries).items():
        scored = [(score(images, candidate.groups), candidate) for candidate in candidates]
        at, candidate = max(scored, key=lambda pair: pair[0].f1)
        usable = [pair for pair in scored if pair[0].usable]
        lowest = "–"
        if method in libraries:
            best[method, candidate.setting] = candidate.threshold
            if usable:
                least, where = min(usable, key=lambda pair: pair[0].leak)
                lowest = f"{least.leak:.3f} ({text(where)}; precision {least.precision:.3f})"
        spent = f"{milliseconds[method]:.1f}" if method in milliseconds else "–"
        row = [method, text(candidate), f"{at.recall:.3f}", f"{at.precision:.3f}", f"{at.leak:.3f}", lowest, spent]
        print(f"| {' | '.join(row)} |", flush=True)
    return best


def print_single(
    images: ImageSet,
    own: dict[str, list[Candidate]],
    libraries: dict[str, list[Candidate]],
    chosen: dict[str, dict[tuple[str, str], float | None]],
) -> None:
    """Print the share of images in a group with another, at the best thresholds of the sets of known cells."""
    print(f"\n{images.name}: share of images in a group with another image\n")
    print(f"| method | {' | '.join(f'threshold of {name}' for name in chosen)} |")
    print(f"|---|{'---:|' * len(chosen)}")
    for method, candidates in (own | libraries).items():
        cells = []
        for best in chosen.values():
            at = next(
                one for one in candidates if method in own or best.get((method, one.setting), -1) == one.threshold
            )
            cells.append(f"{alarms(at.groups):.3f}")
        print(f"| {method} | {' | '.join(cells)} |", flush=True)


def alarms(groups: npt.NDArray[np.int64]) -> float:
    """Return the share of images in a group with another.

    >>> alarms(np.array([0, 1, 1, 2]))
    0.5
    """
    return float((np.bincount(groups)[groups] > 1).mean())


def text(candidate: Candidate) -> str:
    """Return setting and threshold of a candidate."""
    threshold = "" if candidate.threshold is None else f"{candidate.threshold:.3g}"
    return candidate.setting or threshold or "–"


if __name__ == "__main__":
    main()
