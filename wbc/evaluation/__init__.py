"""What predictions are worth: metrics, confidence intervals and baselines.

No TensorFlow here. May import `core`, `models` and `features`.
"""
