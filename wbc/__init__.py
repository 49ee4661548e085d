"""Classification of single white blood cells: a room for each stage of the pipeline, and a classifier.

    from wbc import Classifier
    Classifier.pretrained().predict("cells/")

pyproject.toml lists the imports that each room may make; import-linter checks them.
"""

from typing import Any

__version__ = "0.3.0"
__all__ = ["Classifier"]


def __getattr__(name: str) -> Any:
    """Import the classifier on first use, so that `import wbc` is fast."""
    if name == "Classifier":
        from wbc.predict.classifier import Classifier

        return Classifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
