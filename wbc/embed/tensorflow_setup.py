"""TensorFlow and Keras, set up so that the same inputs give the same bytes on one kind of machine.

Both read their settings during import, so only this module imports them. Other modules import them from here:

    from wbc.embed.tensorflow_setup import keras, tf
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # errors only
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"  # the faster kernels; set explicitly, as the choice changes the last bits
os.environ["KERAS_BACKEND"] = "tensorflow"  # overrides ~/.keras/keras.json


@contextlib.contextmanager
def _without_chatter() -> Iterator[None]:
    """Suppress the messages of TensorFlow's C++ during import; if the import fails, show them."""
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(terminal, held.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


with _without_chatter():
    import keras
    import tensorflow as tf

# Keras' own defaults override keras.json in ~/.keras or $KERAS_HOME. The epsilon affects the features: a Normalization
# layer divides by at least that much.
keras.config.set_epsilon(1e-7)
keras.config.set_floatx("float32")
keras.config.set_dtype_policy("float32")
keras.config.set_image_data_format("channels_last")

__all__ = ["keras", "start", "tf"]


def start(seed: int) -> None:
    """Seed Python, NumPy and TensorFlow, and restrict TensorFlow to deterministic kernels.

    See https://www.tensorflow.org/api_docs/python/tf/config/experimental/enable_op_determinism.

    Args:
        seed: integer from 0 to 2**32 - 1.
    """
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
