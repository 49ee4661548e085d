"""Everything of Keras but training: TensorFlow's set-up, backbones, the head, model files, inference.

TensorFlow is imported by `tensorflow_setup` alone. May import `core`.
"""
