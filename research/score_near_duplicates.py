"""Score the search for near-duplicates on sets whose truth is known.

    python -m research.score_near_duplicates copies cells.zip --seed 1 --strong    # copies made here
    python -m research.score_near_duplicates truth tiles.zip sources.csv           # a table: file, label, source
    python -m research.score_near_duplicates single cells.zip                      # every file another cell

Prints pair recall and pair precision, for `photo_id` and for `group`. Recall is the share of all pairs of one source
that are in one group. Precision is the share of all pairs in one group that are of one source. Prints also the share of
images in a group with images of another source. The images are then split as in the pipeline. Of the test images, and
of the cross-validated images, the share with an image of their source in training is printed.
"""

import argparse
import csv
import tempfile
import time
import zipfile
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from research.copies import copy
from wbc.common.errors import exit_on_user_error
from wbc.common.images import decode
from wbc.split.folds import exclude
from wbc.split.near_duplicates.search import find_near_duplicates
from wbc.split.parts import folds, split_by_group

FOLDS = 5


@exit_on_user_error
def main() -> None:
    """Score the search where the truth is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    copies = kinds.add_parser("copies", help="make augmented copies of photographs, of which each shows another cell")
    copies.add_argument("archive")
    copies.add_argument("--seed", type=int, default=1)
    copies.add_argument("--strong", action="store_true")
    copies.add_argument("--images", type=int, default=700, help="a class")
    truth = kinds.add_parser("truth", help="a set with a table of sources")
    truth.add_argument("archive")
    truth.add_argument("sources")
    kinds.add_parser("single", help="a set in which every file is another cell").add_argument("archive")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(arguments.archive) as archive:
            archive.extractall(folder)
        files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        labels = [path.parent.name for path in files]
        if arguments.kind == "copies":
            files, labels, sources = make(files, labels, Path(folder, "copies"), arguments)
        elif arguments.kind == "truth":
            with Path(arguments.sources).open(newline="") as file:
                known = {str(PurePosixPath(row["file"])): row["source"] for row in csv.DictReader(file)}
            sources = [known[f"{path.parent.name}/{path.name}"] for path in files]
        else:
            sources = [str(path) for path in files]
        started = time.monotonic()
        duplicates = find_near_duplicates(files)
        print(f"{len(files):,} images, {len(set(sources)):,} sources, {time.monotonic() - started:,.0f} s")
    numbers = np.unique(sources, return_inverse=True)[1]
    for name in ("photo_id", "group"):
        print(f"{name}: {describe(getattr(duplicates, name), numbers)}")
    for seed in (1, 2, 3):
        parts = split_by_group(labels, duplicates.group, (0.7, 0.15), seed)
        train = set(numbers[parts == "train"])
        test = numbers[parts == "test"]
        print(f"split {seed}: {np.mean([source in train for source in test]):.4f} of {len(test)} test images leak")
        fold = folds(np.array(labels), duplicates.group, FOLDS, seed)
        doubtful, _ = exclude(labels, fold, duplicates.photo_id, duplicates.doubtful, np.arange(len(labels)))
        both, too_doubtful = exclude(labels, fold, duplicates.photo_id, duplicates.doubtful, duplicates.group)
        for name, excluded in (("nothing", [set()] * len(fold)), ("doubtful pairs", doubtful), ("pieces too", both)):
            leaks, trained = [], []
            for scored in range(FOLDS):
                train = (fold != scored) & [scored not in folds_of for folds_of in excluded]
                leaks.append(np.isin(numbers[fold == scored], numbers[train]))
                trained.append(train.mean())
            print(
                f"cross-validation {seed}, excluded {name}: {np.concatenate(leaks).mean():.4f} leak, "
                f"{max(map(np.mean, leaks)):.4f} in the worst fold; {np.mean(trained):.3f} of the images are trained on"
            )
        if too_doubtful:
            print(f"too doubtful: {', '.join(too_doubtful)}")


def make(files: list[Path], labels: list[str], folder: Path, arguments: argparse.Namespace) -> list[list]:
    """Write `arguments.images` copies per class to `folder`; return files, labels and sources."""
    random = np.random.default_rng(arguments.seed)
    made = []
    for label in sorted(set(labels)):
        originals = [path for path, own_label in zip(files, labels, strict=True) if own_label == label]
        (folder / label).mkdir(parents=True)
        for number in range(arguments.images):
            original = originals[number % len(originals)]
            target = folder / label / f"{number:04d}.png"
            Image.fromarray(copy(decode(original)[0], random, arguments.strong)).save(target)
            made.append((target, label, str(original)))
    return [list(column) for column in zip(*made, strict=True)]


def describe(groups: np.ndarray, sources: np.ndarray) -> str:
    """Return pair recall and precision, number of groups, and the share of images in mixed groups, as text."""
    table = np.zeros((groups.max() + 1, sources.max() + 1), int)
    np.add.at(table, (groups, sources), 1)
    right, of_source, of_group = (
        (counts * (counts - 1) // 2).sum() for counts in (table, table.sum(axis=0), table.sum(axis=1))
    )
    recall, precision = right / max(1, of_source), right / max(1, of_group)
    mixed = (table > 0).sum(axis=1) > 1
    wrong = (table[mixed].sum(axis=1) - table[mixed].max(axis=1)).sum() if mixed.any() else 0
    return (
        f"{len(table):,} groups, pair recall {recall:.4f}, pair precision {precision:.4f}, images in a mixed group "
        f"{table[mixed].sum() / len(sources):.4f}, beside the group's own source {wrong / len(sources):.4f}"
    )


if __name__ == "__main__":
    main()
