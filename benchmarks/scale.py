"""Measure the growth of time and memory of each stage with the number of images.

    python -m benchmarks.scale 1000 10000 100000 --output benchmarks

Makes small images of blots, one in five a turned copy of another. Runs the pipeline on each number of them in a clone
of the last commit, and writes scale.csv and scale.svg. The backbone is EfficientNetB0 at 32 px without views, which is
cheap enough to show the growth. `make bench` measures the rate of the backbone.

Rows in scale.csv are kept, unless their number of images is measured again. 100,000 images take 45 to 90 minutes on two
cores, most of it in the search for near-duplicates.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
import pandas as pd
import yaml

from benchmarks.watch import watch
from wbc.common.errors import exit_on_user_error
from wbc.common.files import replacing
from wbc.common.progress import track

matplotlib.use("Agg")
from matplotlib import pyplot, ticker

CLASSES = ("basophil", "eosinophil", "lymphocyte", "monocyte", "neutrophil")
SIDE = 40  # pixels
PARAMETERS = {
    "embed": {"weights": "random", "image_size": 32, "tta_views": 1, "views": 0},
    "train": {"head": {"units": [64]}, "optimizer": {"epochs": 5, "batch_size": 256}},
    "plot": {"mistakes": 0, "near_duplicates": 0},
}


@exit_on_user_error
def main() -> None:
    """Measure time and memory against the number of images."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="+", type=int)
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    options = parser.parse_args()
    file = options.output / "scale.csv"
    table = pd.read_csv(file) if file.exists() else pd.DataFrame(columns=["images"])
    for count in options.images:
        rows = pd.DataFrame([{"images": count} | row for row in measure(count)])
        table = pd.concat([table[table["images"] != count], rows]).sort_values("images", kind="stable")
        print(table.to_string(index=False))
        with replacing(file) as partial:
            table.to_csv(partial, index=False)
    draw(table, options.output / "scale.svg")


def measure(count: int) -> Iterator[dict[str, Any]]:
    """Run the pipeline on `count` images; yield {"stage", "seconds", "peak_mb"} for each stage."""
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        make(Path(folder, "images"), count)
        clone = Path(folder, "clone")
        subprocess.run(["git", "clone", "--quiet", ".", clone], check=True)
        content = yaml.safe_load((clone / "params.yaml").read_text(encoding="utf-8"))
        _update(content, PARAMETERS | {"fetch": {"source": "archive", "archive": str(Path(folder, "images"))}})
        (clone / "params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"PATH": path, "FEATURE_CACHE": f"{folder}/features"}
        for stage, (seconds, peak) in watch(["dvc", "repro"], clone, environment).stages.items():
            yield {"stage": stage, "seconds": round(seconds, 1), "peak_mb": round(peak / 1e6)}


def make(folder: Path, count: int) -> None:
    """Write `count` images, evenly over the classes, each class in its own color."""
    random = np.random.default_rng(count)
    latest: dict[int, np.ndarray] = {}
    for number in track(range(count), "make"):
        kind = number % len(CLASSES)
        is_copy = number // len(CLASSES) % 5 == 4
        latest[kind] = np.rot90(latest[kind]).copy() if is_copy else blots(random, kind)
        file = folder / CLASSES[kind] / f"{number:06d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(file), latest[kind])


def blots(random: np.random.Generator, kind: int) -> np.ndarray:
    """Return an image of a dark disc with lobes and a texture of its own, uint8 (SIDE, SIDE, 3).

    The texture replaces a cell's chromatin. Without it, so many images look alike that the search for near-duplicates
    compares ten times as many pairs as among cells.
    """
    image = np.full((SIDE, SIDE, 3), 215, np.uint8)
    color = np.array([150, 90, 110]) + 25 * np.array([kind % 3, kind % 2, -(kind % 3)])
    cv2.circle(image, (SIDE // 2, SIDE // 2), int(random.integers(11, 17)), (200, 180, 205), -1)
    for _ in range(random.integers(2, 6)):
        center = (SIDE / 2 + random.normal(0, 4, 2)).astype(int).tolist()
        axes = random.integers(3, 8, 2).tolist()
        cv2.ellipse(image, center, axes, float(random.uniform(0, 180)), 0, 360, color.tolist(), -1)
    texture = cv2.resize(random.normal(0, 30, (9, 9)), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    textured = cv2.GaussianBlur(image, (0, 0), 0.8) + texture[..., None] * (image[..., 1:2] < 200)
    return np.clip(textured + random.normal(0, 6, image.shape), 0, 255).astype(np.uint8)


def draw(table: pd.DataFrame, path: Path) -> None:
    """Draw time and peak memory over the number of images, both axes logarithmic."""
    with matplotlib.rc_context({"svg.hashsalt": "scale", "font.size": 9}):
        figure, (times, memory) = pyplot.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
        for stage, rows in table.groupby("stage", sort=False):
            times.loglog(rows["images"], rows["seconds"], marker="o", label=stage)
            memory.loglog(rows["images"], rows["peak_mb"], marker="o", label=stage)
        counts = np.array(sorted(table["images"].unique()))
        start = table.loc[table["images"] == counts[0], "seconds"].max()
        growth = {"proportional, n": counts, "n log n": counts * np.log(counts)}
        for (label, cost), line in zip(growth.items(), ("--", ":"), strict=True):
            times.loglog(counts, start * cost / cost[0], color="0.6", linestyle=line, label=label)
        times.set(xlabel="images", ylabel="seconds", title="Time a stage")
        memory.axhline(4000, color="0.6", linestyle="--")
        memory.text(counts[0], 4000, "4 GB", va="bottom", color="0.4")
        memory.set(xlabel="images", ylabel="MB", title="Peak memory a stage")
        memory.yaxis.set_minor_locator(ticker.LogLocator(subs=(2, 4)))
        for formatter in (memory.yaxis.set_major_formatter, memory.yaxis.set_minor_formatter):
            formatter(ticker.StrMethodFormatter("{x:,.0f}"))
        for axes in (times, memory):
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(alpha=0.3)
        figure.legend(*times.get_legend_handles_labels(), loc="outside right center", frameon=False)
        with replacing(path) as partial:
            figure.savefig(partial, format="svg", metadata={"Date": None})
        pyplot.close(figure)


def _update(content: dict[str, Any], changes: dict[str, Any]) -> None:
    """Put nested changes into nested dicts."""
    for key, value in changes.items():
        if isinstance(value, dict):
            _update(content[key], value)
        else:
            content[key] = value


if __name__ == "__main__":
    main()
