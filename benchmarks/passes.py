"""Speed of the backbone's passes by engine, and of the work around them."""

import functools
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from wbc.common.errors import UserError
from wbc.common.files import sha256
from wbc.common.images import decode, resize
from wbc.embed import engines
from wbc.embed.backbones import build
from wbc.embed.embedding import ViewSpec, Work, embed
from wbc.embed.tensorflow_setup import keras, start
from wbc.embed.views import Augmentation, tta_images
from wbc.export import packaging as shipped
from wbc.predict import classifier as predict

PASSES = 512  # images by which engines are timed
ROUNDS = 5  # of timing everything in turn
Runners = dict[str, Callable[[], Any]]  # timed functions by name
WEIGHTS = Path("pretraining/efficientnetb0.weights.h5")


def measure(files: list[Path], settings: dict[str, Any]) -> list[str]:
    """Time the engines, and embedding from files; return lines of Markdown.

    Args:
        files: some image files.
        settings: section `embed` of params.yaml, as a dict.
    """
    start(1)
    size = settings["image_size"]
    backbone = build(size, WEIGHTS)
    forwards, refused = {}, []
    for name in engines.ENGINES:
        try:
            forwards[name] = engines.build(name, backbone).load()
        except UserError as error:
            refused += ["", str(error)]
    return _engines(backbone, forwards, size) + refused + _feeding(forwards, files, settings)


def _engines(backbone: keras.Model, forwards: dict[str, engines.Forward], size: int) -> list[str]:
    images = np.random.default_rng(1).integers(256, size=(PASSES, size, size, 3), dtype=np.uint8)
    runners: Runners = {"Keras' predict": lambda: backbone.predict(images.astype(np.float32), batch_size=32, verbose=0)}
    for name, forward in forwards.items():
        runners[name] = functools.partial(_joined, forward, images)
    features = {name: run() for name, run in runners.items()}  # a first run, which compiles
    speeds = _in_turn(runners, PASSES)
    expected = features["Keras' predict"]
    usual = np.median(speeds["Keras' predict"])
    return [
        "",
        f"Forward passes of {PASSES} images at {size} px, {ROUNDS} rounds in turn; the largest feature is "
        f"{np.abs(expected).max():.1f}.",
        "",
        "| engine | images a second (range) | against Keras' predict | largest difference of a feature |",
        "|---|---:|---:|---:|",
        *(
            f"| {name} | {spread(rates)} | {np.median(rates) / usual:.2f} | "
            f"{np.abs(features[name] - expected).max():.1g} |"
            for name, rates in speeds.items()
        ),
    ]


def _feeding(forwards: dict[str, engines.Forward], files: list[Path], settings: dict[str, Any]) -> list[str]:
    """Compare the two halves of embedding, each alone, with both together."""
    size, views = settings["image_size"], tuple(range(1 + settings["views"]))
    spec = ViewSpec(Augmentation(**settings["augmentation"]), settings["seed"], settings["tta_views"])
    works = [Work(str(file), sha256(file), views) for file in files[: max(1, PASSES // len(views))]]
    images = [decode(Path(work.file))[0] for work in works]
    pixels = [shown for image in images for number in views for shown in spec.images(image, size, number, [1])]

    def nothing(images: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        return (np.zeros((1, 1), np.float32) for _ in images)

    runners: Runners = {"decoding and augmenting alone": lambda: list(embed(works, nothing, size, spec))}
    for name, forward in forwards.items():
        runners[f"{name}, passes alone"] = functools.partial(_joined, forward, pixels)
        runners[f"{name}, both together, as `embed` runs them"] = functools.partial(
            lambda forward: list(embed(works, forward, size, spec)), forward
        )
    speeds = _in_turn(runners, len(pixels))
    return [
        "",
        f"Embedding {len(works)} image files with {len(views) - 1} views each, {len(pixels)} passes, "
        f"{ROUNDS} rounds in turn.",
        "",
        "| | passes a second (range) |",
        "|---|---:|",
        *(f"| {name} | {spread(rates)} |" for name, rates in speeds.items()),
    ]


def measure_predicting(files: list[Path], use: Path) -> list[str]:
    """Time the deployed classifier's predictions and its passes alone; return lines of Markdown.

    Args:
        files: some image files.
        use: folder of the deployed classifier.
    """
    files = files[: 2 * PASSES]
    classifier = predict.Classifier(use)
    size, count = classifier.size, classifier.tta_views
    forward = engines.Engine("openvino", (use / shipped.BACKBONE).read_bytes(), size).load()
    pixels = [shown for file in files for shown in tta_images(resize(decode(file)[0], size), count)]
    runners: Runners = {
        "passes alone": functools.partial(_joined, forward, pixels),
        "files to predictions": lambda: list(classifier.predict(map(str, files))),
    }
    runners["files to predictions"]()  # a first run, which compiles
    speeds = _in_turn(runners, len(files))
    shares = [
        whole / alone for whole, alone in zip(speeds["files to predictions"], speeds["passes alone"], strict=True)
    ]
    return [
        "",
        f"Predicting {len(files)} files with the classifier for use, {count} orientations each, {ROUNDS} rounds in "
        f"turn: {spread(speeds['files to predictions'])} images a second, {spread(shares, 2)} of the "
        "rate of the passes alone.",
    ]


def _joined(forward: engines.Forward, images: Iterable[np.ndarray]) -> np.ndarray:
    return np.concatenate(list(forward(images)))


def _in_turn(runners: Runners, count: int) -> dict[str, list[float]]:
    """Return {name: images per second in each round}; each round times all of them once."""
    speeds: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(ROUNDS):
        for name, run in runners.items():
            started = time.monotonic()
            run()
            speeds[name].append(count / (time.monotonic() - started))
    return speeds


def spread(values: list[float], digits: int = 0) -> str:
    """Return the median of some measurements, and their range, as text."""
    return f"{np.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"
