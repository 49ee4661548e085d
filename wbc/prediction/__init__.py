"""Applying the shipped classifier to new images: what is shipped, where images come from, and what is said of each.

May import core, data, models, features and evaluation. TensorFlow isn't needed where OpenVINO is there.
"""
