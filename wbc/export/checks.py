"""Checks of saved Keras classifiers against the weights and the probabilities that were scored."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wbc.common.errors import UserError
from wbc.common.files import replacing
from wbc.common.images import decode, resize
from wbc.embed.tensorflow_setup import keras
from wbc.export.keras_classifier import save_classifier

# Largest difference of a probability. Keras computes in float32 from pixels; the scores come from float16 features in
# exact arithmetic. On the default run the largest difference was 0.004.
TOLERANCE = 0.02
SAMPLE = 32  # images that are compared
BATCH = 4  # images at a time: the tensors of a larger batch take longer to allocate than to compute


def sample(count: int) -> npt.NDArray[np.integer]:
    """Return the numbers of at most `SAMPLE` of `count` images, spread evenly."""
    return np.unique(np.linspace(0, count - 1, min(count, SAMPLE)).astype(int))


def save_checked(
    file: Path,
    model: "keras.Model",
    classes: Sequence[str],
    images: Sequence[Path],
    probabilities: npt.NDArray[np.floating],
) -> None:
    """Write a classifier as a `.keras` file if it passes `check_file`."""
    with replacing(file) as partial:
        save_classifier(model, partial, classes)
        difference = check_file(partial, model, images, probabilities)
    print(f"{file}: largest difference of a probability {difference:.4f} on {len(images)} images")


def check_file(
    file: Path, model: "keras.Model", images: Sequence[Path], probabilities: npt.NDArray[np.floating]
) -> float:
    """Load a saved classifier and compare it with the saved model and with the scored probabilities.

    Args:
        file: the `.keras` file.
        model: the saved model; the file must hold its weights, bit for bit.
        images: some image files.
        probabilities: scored ones of each image, float array (images, classes).

    Returns:
        the largest difference of a probability.

    Raises:
        UserError: a weight differs, or a probability differs by more than `TOLERANCE`.
    """
    loaded = keras.models.load_model(file, compile=False)
    pairs = zip(loaded.get_weights(), model.get_weights(), strict=True)
    if not all(np.array_equal(ours, theirs) for ours, theirs in pairs):
        raise UserError(
            f"{file.name} does not hold the weights that were saved in it. Type `dvc repro --force export`."
        )
    size = loaded.input_shape[1]
    pixels = np.stack([resize(decode(image)[0], size) for image in images]).astype(np.float32)
    found = loaded.predict(pixels, batch_size=BATCH, verbose=0)
    differences = np.abs(found - probabilities).max(axis=1)
    if (wrong := np.flatnonzero(differences > TOLERANCE)).size:
        raise UserError(
            f"{file.name} is not the classifier that was scored: {wrong.size} of {len(images)} images get other "
            f"probabilities, by up to {differences.max():.4f} where {TOLERANCE} is allowed; the first is "
            f"{images[wrong[0]]}. Features or heads are of another run: type `dvc repro --force embed train evaluate "
            "export`."
        )
    return float(differences.max())
