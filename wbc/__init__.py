"""Classification of single white blood cells: the rooms of the pipeline's stages, and a classifier to be used.

    from wbc import Classifier
    Classifier.pretrained().predict("cells/")

Which room may import which stands in pyproject.toml; import-linter holds them to it.
"""

from typing import Any

__version__ = "0.3.0"
__all__ = ["Classifier"]


def __getattr__(name: str) -> Any:
    """Import the classifier when it is asked for: `import wbc` alone takes no time."""
    if name == "Classifier":
        from wbc.predict.classifier import Classifier

        return Classifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
