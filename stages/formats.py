"""formats: the deployed classifier as a file of another runtime, checked against Keras on the test images.

    python -m stages.formats NAME         # onnx or litert: one of the list `formats` in params.yaml

Writes models/formats/NAME/: classifier.onnx or classifier.tflite, from float32 images (n, size, size, 3), RGB 0-255, to
calibrated probabilities; and about.json, which an ONNX file also carries in its metadata. docs/how-to/formats.md has an
example for each runtime.
"""

import sys
from pathlib import Path

from wbc.common import params
from wbc.common.errors import UserError, exit_on_user_error
from wbc.embed.tensorflow_setup import start
from wbc.evaluate.results import Result
from wbc.export import formats
from wbc.export.packaging import read_facts
from wbc.export.params import FormatsParams

IMAGES, MODELS = Path("data/images"), Path("models")


@exit_on_user_error
def main() -> None:
    """Convert, check, and print size and speed."""
    asked = params.load("params.yaml", "formats", FormatsParams).root
    if len(sys.argv) != 2 or sys.argv[1] not in asked:
        raise UserError(f"Which format? Type python -m stages.formats NAME, NAME one of: {', '.join(asked)}.")
    name = sys.argv[1]
    formats.check_installed(name)
    start(seed=0)
    images = [IMAGES / path for path in Result.load(Path("reports/grouped")).predictions["path"]]
    facts = read_facts(MODELS / "deployed")
    written = formats.write(name, MODELS / "classifier.keras", facts, images, MODELS / "formats" / name)
    print(f"{formats.FORMATS[name].file}: {written.size / 1e6:.1f} MB, {written.speed:.1f} images a second")
    print(f"Keras: {written.keras_speed:.1f} images a second; probabilities differ by at most {written.difference:.7f}")


if __name__ == "__main__":
    main()
