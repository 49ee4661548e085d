"""Adam (Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015) in one pass over the memory."""

from wbc.models.tensorflow_setup import keras, tf


class FusedAdam(keras.optimizers.Adam):
    """Keras' Adam, a variable's whole update done by one kernel of TensorFlow.

    Keras spells the update out in ten operations, each of which reads and writes all the weights again; on a small head
    that is a fifth of a step, and most of the graph that has to be built before the first. Differences from Keras' own
    are in the rounding. AMSGrad isn't supported.
    """

    def update_step(self, gradient, variable, learning_rate):
        """Update a variable and its two moments in place.

        Args:
            gradient, variable: a tensor and a TensorFlow variable of one shape.
            learning_rate: scalar tensor.
        """
        number = self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[number].value.handle,
            v=self._velocities[number].value.handle,
            beta1_power=tf.pow(tf.cast(self.beta_1, variable.dtype), step),
            beta2_power=tf.pow(tf.cast(self.beta_2, variable.dtype), step),
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )
