"""Predictions of images, one by one and as a table."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pandas as pd


class Prediction(NamedTuple):
    """Prediction of one image."""

    path: str
    label: str  # the likeliest class; "" if the image can't be read
    probabilities: list[float]  # calibrated, in the order of `Classifier.classes`; empty if the image can't be read
    prediction_set: list[str]  # classes that contain the true one with the asked coverage
    distance: float  # from the training images, 0-2; NaN if the image can't be read
    reason: str  # why the classifier abstains, or ""
    error: str  # why the image can't be read, or ""
    foreground: float  # share of the image that the cell covers: `wbc.split.foreground`; 0 where none is seen
    converted: tuple[str, ...] = ()  # what was converted when the image was read, such as "grayscale to RGB"
    overlap: bool = False  # whether it shows a cell that the pretrained backbone was trained on

    @property
    def abstains(self) -> bool:
        """Return whether the classifier abstains."""
        return bool(self.reason)

    @property
    def confidence(self) -> float:
        """Return the probability of the likeliest class, 0-1; NaN if the image can't be read."""
        return max(self.probabilities, default=float("nan"))


class Predictions(list[Prediction]):
    """Predictions in the order of the images.

    Args:
        predictions: one per image.
        classes: class names in the order of the probabilities.
    """

    def __init__(self, predictions: Iterable[Prediction], classes: list[str]) -> None:
        super().__init__(predictions)
        self.classes = classes

    def to_frame(self) -> "pd.DataFrame":
        """Return a table with a row per image, in the columns of `wbc predict --output NAME.csv`."""
        import pandas as pd  # takes a second to import

        return pd.DataFrame([row_of(prediction, self.classes) for prediction in self])


def row_of(prediction: Prediction, classes: list[str]) -> dict[str, Any]:
    """Return the row of one image in a table, by columns."""
    probabilities: list[float | None] = [*prediction.probabilities] or [None] * len(classes)
    return {
        "path": prediction.path,
        "class": prediction.label,
        **{f"p_{name}": value for name, value in zip(classes, probabilities, strict=True)},
        "prediction_set": prediction.prediction_set,
        "abstains": None if prediction.error else prediction.abstains,
        "reason": prediction.reason,
        "distance": None if prediction.error else prediction.distance,
        "converted": list(prediction.converted),
        "overlap": None if prediction.error else prediction.overlap,
        "error": prediction.error,
    }
