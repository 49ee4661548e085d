"""Files of other runtimes, written from the deployed Keras classifier and checked against it."""

import importlib.util
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from wbc.common.errors import UserError
from wbc.common.files import replacing, write_json
from wbc.common.images import decode, resize
from wbc.common.progress import prefetch, track
from wbc.embed.tensorflow_setup import keras
from wbc.export import portable
from wbc.export.packaging import Facts
from wbc.train.tempered import tempered

TOLERANCE = 0.001  # of a probability
BATCH = 32  # images a call
PREPROCESSING = "RGB, 0-255, float32; the whole image resized to image_size x image_size by Pillow's BILINEAR"

Images = npt.NDArray[np.float32]


class Format(NamedTuple):
    """A file format."""

    file: str
    packages: tuple[str, ...]  # that write and run it, by their import names
    convert: Callable[[Any, dict[str, str]], bytes]  # from a graph and the file's metadata
    runner: Callable[[Path], portable.Runner]


FORMATS = {
    "onnx": Format("classifier.onnx", ("tf2onnx", "onnx", "onnxruntime"), portable.onnx, portable.onnx_runner),
    "litert": Format("classifier.tflite", ("ai_edge_litert",), portable.litert, portable.litert_runner),
}


class Written(NamedTuple):
    """A written file, compared with Keras."""

    size: int  # bytes
    difference: float  # the largest of a probability
    speed: float  # images a second
    keras_speed: float


def check_installed(name: str) -> None:
    """Raise a `UserError` if a package that a format needs is missing."""
    if lacking := [package for package in FORMATS[name].packages if importlib.util.find_spec(package) is None]:
        raise UserError(f"Not installed: {', '.join(lacking)}. Type `make formats`, then `dvc repro`.")


def write(name: str, classifier: Path, facts: Facts, images: Sequence[Path], folder: Path) -> Written:
    """Write a classifier in a format, with about.json in the same folder, and compare it with Keras.

    Args:
        name: a key of `FORMATS`.
        classifier: the `.keras` file; its probabilities are not yet calibrated.
        facts: of the deployed classifier.
        images: image files to compare on.
        folder: for the files; it appears whole.

    Raises:
        UserError: a probability differs by more than `TOLERANCE`.
    """
    kind, temperature = FORMATS[name], facts.temperature
    model = keras.models.load_model(classifier, compile=False)
    pixels = np.stack([*prefetch(lambda file: resize(decode(file)[0], facts.image_size), images)]).astype(np.float32)
    about: dict[str, Any] = facts.model_dump(
        include={"classes", "image_size", "temperature", "set_threshold", "trained_on"}
    )
    about |= {"preprocessing": PREPROCESSING, "input": portable.INPUT, "output": portable.OUTPUT}
    with replacing(folder) as partial:
        partial.mkdir(parents=True)
        described = {key: value if isinstance(value, str) else json.dumps(value) for key, value in about.items()}
        file = partial / kind.file
        file.write_bytes(kind.convert(portable.calibrated_graph(model, temperature), described))
        write_json(partial / "about.json", about)
        raw, keras_speed = _run_all(lambda batch: model(batch, training=False).numpy(), pixels, "Keras")
        probabilities, speed = _run_all(kind.runner(file), pixels, kind.file)
        difference = float(np.abs(probabilities - tempered(raw, temperature)).max())
        if difference > TOLERANCE:
            raise UserError(
                f"{kind.file} gives other probabilities than Keras, by up to {difference:.4f} where {TOLERANCE} is "
                "allowed; nothing was written."
            )
        return Written(file.stat().st_size, difference, speed, keras_speed)


def _run_all(run: Callable[[Images], Images], images: Images, name: str) -> tuple[Images, float]:
    """Return the probabilities of images, and the images per second after a warm-up call."""
    run(images[:BATCH])
    started = time.perf_counter()
    batches = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
    probabilities = np.concatenate([run(batch) for batch in track(batches, name, unit="batches")])
    return probabilities, len(images) / (time.perf_counter() - started)
