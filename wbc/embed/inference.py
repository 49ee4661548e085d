"""Inference of a Keras model on many images, in batches of one size."""

import itertools
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from wbc.embed.tensorflow_setup import keras, tf

BATCH = 32  # images per forward pass; not a setting, because it decides the bytes


def compiled(model: keras.Model) -> Callable[[Iterable[np.ndarray]], Iterator[np.ndarray]]:
    """Compile a model once, and return a function from an iterable of images to its outputs.

    The function yields batches in order. The last batch is padded: kernels round differently for another number of
    rows, and the outputs of an image must not depend on the number of images.

    Args:
        model: Keras model that takes (size, size, 3) RGB 0-255.

    Returns:
        function from uint8 arrays (size, size, 3) to float32 arrays (images in this batch ≤ BATCH, outputs).
    """
    size = model.input_shape[1]

    @tf.function(input_signature=[tf.TensorSpec((BATCH, size, size, 3), tf.uint8)])
    def forward(batch: tf.Tensor) -> tf.Tensor:
        return model(tf.cast(batch, tf.float32), training=False)

    def outputs(images: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        images = iter(images)
        while chunk := list(itertools.islice(images, BATCH)):
            batch = np.zeros((BATCH, size, size, 3), np.uint8)
            batch[: len(chunk)] = chunk
            yield forward(batch).numpy()[: len(chunk)]

    return outputs
