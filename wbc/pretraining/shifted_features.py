"""Features of cell images as other laboratories might have taken them, for the choice of settings."""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wbc.common.images import decode, resize
from wbc.common.progress import prefetch, track
from wbc.embed import engines
from wbc.embed.tensorflow_setup import keras, tf
from wbc.embed.views import ORIENTATIONS, mean_feature, tta_images
from wbc.pretraining.domain_augmentation import ROOM, DomainAugmentation, augment_domain

BATCH = 48  # images changed together; one draw of resolution and blur is for 12 of them


def shifted_features(
    model: keras.Model, files: Sequence[Path], shift: DomainAugmentation, draws: int, seed: int
) -> npt.NDArray[np.float16]:
    """Return the features of image files, each changed at random.

    Args:
        model: Keras model from (size, size, 3) RGB 0-255 to n features.
        files: paths of image files, at least one.
        shift: largest changes.
        draws: number of random changes of each image.
        seed: of the changes, below 2**20.

    Returns:
        array (files, draws, n), each the mean over the changed image's eight orientations.
    """
    size = model.input_shape[1]
    images = np.stack([*prefetch(lambda file: resize(decode(file)[0], round(ROOM * size)), files)])
    rows = np.arange(len(files) + -len(files) % BATCH) % len(files)  # the last batch is filled with the first images

    def views() -> Iterator[npt.NDArray[np.uint8]]:
        for draw in range(draws):
            for batch, chosen in enumerate(rows.reshape(-1, BATCH)):
                key = tf.constant([seed, draw * 10**4 + batch])
                changed = augment_domain(tf.constant(images[chosen]), size, key, shift).numpy()
                for image in np.round(changed).astype(np.uint8):
                    yield from tta_images(image, ORIENTATIONS)

    passes = itertools.chain.from_iterable(engines.build("openvino", model).load()(views()))
    described = [
        mean_feature([next(passes) for _ in range(ORIENTATIONS)])
        for _ in track(range(draws * len(rows)), "describe changed images")
    ]
    return np.stack(described).astype(np.float16).reshape(draws, len(rows), -1)[:, : len(files)].swapaxes(0, 1)
