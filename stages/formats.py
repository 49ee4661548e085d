"""formats: the classifier for use as a file of another runtime, checked on the test images.

    python -m stages.formats NAME         # onnx or litert: one of the list `formats` in params.yaml

Reads models/deployed/, the test part split by group (reports/grouped/predictions.csv) and data/images/. Writes

    models/formats/<name>/classifier.onnx or .tflite   raw images to calibrated probabilities
    models/formats/<name>/about.json                   class names, image size, preprocessing, thresholds; an ONNX file
                                                       carries the same in its metadata
    reports/formats/<name>.json                        images checked, the bound that was kept, bytes

Takes float32 images (n, size, size, 3), RGB 0-255. The stage fails where a probability differs from Keras' by more than
`TOLERANCE`. docs/how-to/formats.md has an example for each runtime.
"""

import importlib.util
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pydantic

from wbc.common import params
from wbc.common.errors import UserError, exit_on_user_error
from wbc.common.files import read_json, replacing, write_json
from wbc.common.images import decode, resize
from wbc.common.progress import prefetch, track
from wbc.common.tables import read_csv
from wbc.embed.tensorflow_setup import keras, start
from wbc.export import portable
from wbc.export.calibration import tempered

TOLERANCE = 0.001  # of a probability
BATCH = 32  # images a call
USE = Path("models/deployed")
PREPROCESSING = "RGB, 0-255, float32; the whole image resized to image_size x image_size by Pillow's BILINEAR"

Images = npt.NDArray[np.float32]


class Format(NamedTuple):
    """What there is to know of a file format."""

    file: str
    packages: tuple[str, ...]  # that write and run it, by the names that are imported
    convert: Callable[[Any, dict[str, str]], bytes]  # from a graph and what the file says of itself
    runner: Callable[[Path], portable.Runner]


FORMATS = {
    "onnx": Format("classifier.onnx", ("tf2onnx", "onnx", "onnxruntime"), portable.onnx, portable.onnx_runner),
    "litert": Format("classifier.tflite", ("ai_edge_litert",), portable.litert, portable.litert_runner),
}


class FormatsParams(pydantic.RootModel[list[Literal["onnx", "litert"]]]):
    """Section `formats` of params.yaml."""


@exit_on_user_error
def main() -> None:
    """Convert, check, and say how large and how fast the file is."""
    asked = params.load("params.yaml", "formats", FormatsParams).root
    if len(sys.argv) != 2 or sys.argv[1] not in asked:
        raise UserError(f"Which format? Type python -m stages.formats NAME, NAME one of: {', '.join(asked)}.")
    name = sys.argv[1]
    kind = FORMATS[name]
    if lacking := [package for package in kind.packages if importlib.util.find_spec(package) is None]:
        raise UserError(f"Not installed: {', '.join(lacking)}. Type `make formats`, then `dvc repro`.")
    start(seed=0)
    facts = read_json(USE / "decision.json")
    images = test_images(facts["image_size"])
    model = keras.models.load_model(USE / "classifier.keras", compile=False)
    about = {key: facts[key] for key in ("classes", "image_size", "temperature", "set_threshold", "learned_from")}
    about |= {"preprocessing": PREPROCESSING, "input": portable.INPUT, "output": portable.OUTPUT}
    with replacing(Path("models/formats", name)) as folder:
        folder.mkdir(parents=True)
        described = {key: value if isinstance(value, str) else json.dumps(value) for key, value in about.items()}
        graph = portable.calibrated_graph(model, facts["temperature"])
        (folder / kind.file).write_bytes(kind.convert(graph, described))
        write_json(folder / "about.json", about)
        raw, by_keras = run_all(lambda batch: model(batch, training=False).numpy(), images, "Keras")
        probabilities, seconds = run_all(kind.runner(folder / kind.file), images, kind.file)
        difference = float(np.abs(probabilities - tempered(raw, facts["temperature"])).max())
        if difference > TOLERANCE:
            raise UserError(
                f"{kind.file} gives other probabilities than Keras, by up to {difference:.4f} where {TOLERANCE} is "
                "allowed; nothing was written."
            )
        size = (folder / kind.file).stat().st_size
    write_json(Path("reports/formats", f"{name}.json"), {"images": len(images), "tolerance": TOLERANCE, "bytes": size})
    print(
        f"{kind.file}: {size / 1e6:.1f} MB; largest difference of a probability {difference:.7f} on {len(images)} "
        f"images; {len(images) / seconds:.1f} images a second, {by_keras / seconds:.1f} times Keras' rate"
    )


def test_images(size: int) -> Images:
    """Return the test part split by group as the classifier takes it, float32 (n, size, size, 3)."""
    paths = read_csv("reports/grouped/predictions.csv")["path"]
    return np.stack([*prefetch(lambda path: resize(decode(Path("data/images", path))[0], size), paths)]).astype(
        np.float32
    )


def run_all(run: Callable[[Images], Images], images: Images, name: str) -> tuple[Images, float]:
    """Return the probabilities of images, and the seconds that they took after a first call to warm up."""
    run(images[:BATCH])
    started = time.perf_counter()
    batches = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
    probabilities = np.concatenate([run(batch) for batch in track(batches, name, unit="batches")])
    return probabilities, time.perf_counter() - started


if __name__ == "__main__":
    main()
