import numpy as np

from wbc.models.tensorflow_setup import keras, tf
from wbc.training.adam import FusedAdam


def minimise(optimizer):
    """Take 50 steps down an uneven bowl, the learning rate halved on the way; returns where that leads."""
    weights = keras.Variable(np.linspace(-2, 2, 40, dtype=np.float32).reshape(8, 5))
    curvature = tf.constant(np.geomspace(0.01, 10, 40, dtype=np.float32).reshape(8, 5))
    optimizer.build([weights])
    for number in range(50):
        if number == 25:
            optimizer.learning_rate = 0.025
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(curvature * weights.value**2)
        optimizer.apply(tape.gradient(loss, [weights.value]), [weights])
    return weights.numpy()


def test_it_goes_where_keras_own_goes():
    ours, theirs = (minimise(kind(0.05)) for kind in (FusedAdam, keras.optimizers.Adam))
    assert np.abs(theirs - np.linspace(-2, 2, 40).reshape(8, 5)).max() > 0.5  # it did go somewhere
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
