"""Write the classifier for use as an ONNX and a LiteRT file, and check both on the test images.

    make formats                      # installs what it needs, then runs
    python -m tools.export_formats

Reads models/use/ and the test part split by group (reports/grouped/predictions.csv, data/raw/). Writes

    models/formats/classifier.onnx     with class names, image size, preprocessing and thresholds in its metadata
    models/formats/classifier.tflite   the same for LiteRT
    models/formats/formats.json        the same facts, the largest difference of a probability, bytes and speed of each

Both take float32 images (n, size, size, 3), RGB 0-255, and give calibrated probabilities. The command fails where one
differs from Keras by more than `TOLERANCE`. docs/how-to/formats.md has an example for each runtime.
"""

import argparse
import importlib.util
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wbc.core.errors import UserError, exit_on_user_error
from wbc.core.files import read_json, replacing, write_json
from wbc.core.prefetch import prefetch
from wbc.core.progress import track
from wbc.core.tables import read_csv
from wbc.data.images import decode, resize
from wbc.evaluation.calibration import tempered

TOLERANCE = 0.001  # of a probability
BATCH = 32  # images a call
PACKAGES = ("tf2onnx", "onnx", "onnxruntime", "ai_edge_litert")
PREPROCESSING = "RGB, 0-255, float32; the whole image resized to image_size x image_size by Pillow's BILINEAR"

Images = npt.NDArray[np.float32]


@exit_on_user_error
def main() -> None:
    """Convert, check, and say how large and how fast each form is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("models/use"), help="classifier (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=Path("models/formats"), help="folder (default: %(default)s)")
    arguments = parser.parse_args()
    if lacking := [package for package in PACKAGES if importlib.util.find_spec(package) is None]:
        raise UserError(f"Not installed: {', '.join(lacking)}. Type `make formats`, which installs them.")
    facts = read_json(arguments.model / "decision.json")
    images = test_images(facts["image_size"])

    from wbc.models import portable  # TensorFlow takes seconds to import
    from wbc.models.tensorflow_setup import keras, start

    start(seed=0)
    print("converting takes half a minute", flush=True)
    model = keras.models.load_model(arguments.model / "classifier.keras", compile=False)
    graph = portable.calibrated_graph(model, facts["temperature"])
    about = {name: facts[name] for name in ("classes", "image_size", "temperature", "set_threshold")}
    about |= {"preprocessing": PREPROCESSING, "input": portable.INPUT, "output": portable.OUTPUT}
    with replacing(arguments.output) as folder:
        folder.mkdir(parents=True)
        metadata = {name: value if isinstance(value, str) else json.dumps(value) for name, value in about.items()}
        (folder / "classifier.onnx").write_bytes(portable.onnx(graph, metadata))
        (folder / "classifier.tflite").write_bytes(portable.litert(graph))
        raw, seconds = run_all(lambda batch: model(batch, training=False).numpy(), images, "Keras")
        by_keras = tempered(raw, facts["temperature"])
        table = {"classifier.keras": {"images_per_second": round(len(images) / seconds, 1)}}
        runners = {
            "classifier.onnx": portable.onnx_runner(folder / "classifier.onnx"),
            "classifier.tflite": portable.litert_runner(folder / "classifier.tflite"),
        }
        for name, run in runners.items():
            probabilities, seconds = run_all(run, images, name)
            difference = float(np.abs(probabilities - by_keras).max())
            if difference > TOLERANCE:
                raise UserError(
                    f"{name} gives other probabilities than Keras, by up to {difference:.4f} where {TOLERANCE} is "
                    "allowed; nothing was written."
                )
            table[name] = {
                "largest_difference": difference,
                "megabytes": round((folder / name).stat().st_size / 1e6, 1),
                "images_per_second": round(len(images) / seconds, 1),
            }
        write_json(folder / "formats.json", about | {"images": len(images), "files": table})
    for name, row in table.items():
        print(f"{name:20} {row}")


def test_images(size: int) -> Images:
    """Return the test part split by group as the classifier takes it, float32 (n, size, size, 3)."""
    paths = read_csv("reports/grouped/predictions.csv")["path"]
    return np.stack([*prefetch(lambda path: resize(decode(Path("data/raw", path))[0], size), paths)]).astype(np.float32)


def run_all(run: Callable[[Images], Images], images: Images, name: str) -> tuple[Images, float]:
    """Return the probabilities of images, and the seconds that they took after a first call to warm up."""
    run(images[:BATCH])
    started = time.perf_counter()
    batches = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
    probabilities = np.concatenate([run(batch) for batch in track(batches, name, unit="batches")])
    return probabilities, time.perf_counter() - started


if __name__ == "__main__":
    main()
