"""Near-duplicate pairs found by imagededup and cleanvision, for `research.compare_near_duplicates`.

    PYTHON research/near_duplicate_libraries.py FOLDER OUT [--encodings encodings.npz]

`PYTHON` is an interpreter with both libraries; the project's own packages are not needed. FOLDER holds images that are
named by numbers (`00012.jpg`). Writes to OUT

    methods.json   of each method and setting: file, CPU seconds, and the library's default threshold
    0.npz, ...     pairs of images, and their distances, up to the loosest threshold

`encodings.npz` holds one array (images, numbers) per encoding. imagededup's CNN class compares them by their cosine.
"""

import argparse
import itertools
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

# imagededup's hashes have 64 bits. Beyond these distances nearly all images of cells are one connected group.
LOOSEST = {"PHash": 14, "DHash": 10, "WHash": 6, "AHash": 4}
LOOSEST_SHARE = 0.03  # of all pairs, for encodings: twice the true pairs of 3,500 images of 344 cells
SIZES = {"phash": (3, 4, 6, 8), "dhash": (3, 4)}  # of cleanvision's hashes; its default is phash of size 8

Pairs = dict[tuple[int, int], float]  # {numbers of two images, the lower first: distance}


class Found(NamedTuple):
    """The pairs that one method finds."""

    method: str
    setting: str  # other than the threshold; "" for none
    default: float | None  # the library's default threshold; None where a method has no threshold
    seconds: float  # of CPU time; the libraries' own worker processes are turned off
    pairs: Pairs


def main() -> None:
    """Write the pairs that each method finds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--encodings", type=Path)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    methods = []
    for number, found in enumerate(find(arguments.folder, arguments.encodings)):
        np.savez(
            arguments.out / f"{number}.npz",
            pairs=np.array([*found.pairs], np.int32).reshape(-1, 2),
            distances=np.array([*found.pairs.values()], np.float32),
        )
        methods.append({"file": f"{number}.npz"} | {key: getattr(found, key) for key in found._fields[:-1]})
    (arguments.out / "methods.json").write_text(json.dumps(methods, indent=1))


def find(folder: Path, encodings: Path | None) -> Iterator[Found]:
    """Yield what each method and setting finds among the images of a folder."""
    for name, loosest in LOOSEST.items():
        yield compare_hashes(folder, name, loosest)
    if encodings:
        for name, rows in np.load(encodings).items():
            yield compare_encodings(folder, name, rows.astype(np.float32))
    for kind, sizes in SIZES.items():
        for size in sizes:
            yield check(folder, kind, size)


def compare_hashes(folder: Path, name: str, loosest: int) -> Found:
    """Return what a perceptual hash of imagededup finds.

    Args:
        folder: of the images.
        name: of a class in `imagededup.methods`.
        loosest: threshold, in bits.
    """
    from imagededup import methods

    method = getattr(methods, name)(verbose=False)
    started = _cpu_seconds()
    encoded = method.encode_images(folder, num_enc_workers=0)
    found = method.find_duplicates(
        encoding_map=encoded, max_distance_threshold=loosest, scores=True, num_dist_workers=0
    )
    return Found(f"imagededup {name}", "", 10, _cpu_seconds() - started, _pairs(found))


def compare_encodings(folder: Path, name: str, rows: np.ndarray) -> Found:
    """Return what imagededup's CNN class finds among given encodings; the distance is 1 - cosine.

    Args:
        folder: of the images.
        name: of the encoding.
        rows: the encodings, array (images, numbers), in the order of the images' names.
    """
    import torch
    from imagededup.methods import CNN
    from imagededup.utils import CustomModel

    # The class wants a model when it is made. This one is never run: the encodings are given.
    model = CustomModel(name="unused", model=torch.nn.Identity(), transform=torch.nn.Identity())
    method = CNN(verbose=False, model_config=model)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = (unit @ unit.T)[np.triu_indices(len(rows), 1)]
    loosest = float(np.clip(np.quantile(cosines, 1 - LOOSEST_SHARE), -1, 1))
    names = sorted(path.name for path in folder.iterdir())
    started = _cpu_seconds()
    found = method.find_duplicates(
        encoding_map=dict(zip(names, rows, strict=True)),
        min_similarity_threshold=loosest,
        scores=True,
        num_sim_workers=0,
    )
    pairs = {pair: 1 - cosine for pair, cosine in _pairs(found).items()}
    return Found(f"imagededup CNN, {name}", "", 0.1, _cpu_seconds() - started, pairs)


def check(folder: Path, kind: str, size: int) -> Found:
    """Return what cleanvision's checks for exact and near-duplicates find: images of equal hashes.

    Args:
        folder: of the images.
        kind: of hash.
        size: of the hash, its only threshold: a small hash has few values, and many images share one.
    """
    from cleanvision import Imagelab

    checks: dict[str, dict[str, Any]] = {
        "exact_duplicates": {},
        "near_duplicates": {"hash_type": kind, "hash_size": size},
    }
    started = _cpu_seconds()
    lab = Imagelab(data_path=str(folder))
    lab.find_issues(checks, n_jobs=1, verbose=False)
    sets = [images for name in checks for images in lab.info[name]["sets"]]
    return Found(
        "cleanvision", f"{kind} of size {size}", None, _cpu_seconds() - started, dict.fromkeys(_within(sets), 0.0)
    )


def _pairs(found: dict[str, list[tuple[str, float]]]) -> Pairs:
    """Return what imagededup's `find_duplicates` found as pairs of numbers."""
    return {
        (int(Path(name).stem), int(Path(other).stem)): float(distance)
        for name, others in found.items()
        for other, distance in others
        if name < other
    }


def _within(sets: Iterable[Iterable[str]]) -> Iterator[tuple[int, int]]:
    """Yield the pairs of numbers within sets of files."""
    for images in sets:
        yield from itertools.combinations(sorted(int(Path(image).stem) for image in images), 2)


def _cpu_seconds() -> float:
    """Return the CPU time of this process and of its ended child processes."""
    return sum(os.times()[:4])


if __name__ == "__main__":
    main()
