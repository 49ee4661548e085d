"""From images to the backbone's features: views, engines, executors, and the cache of what was computed before.

TensorFlow is imported only when an engine is built. May import `core`, `data` and `models`.
"""
