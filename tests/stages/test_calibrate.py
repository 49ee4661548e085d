"""The stage after a run: what it says of pictures without a cell is what the classifier for use says of them."""

import io
import json

import pandas as pd
from PIL import Image

from wbc.export.decision import UNLIKE
from wbc.export.negatives import strangers
from wbc.predict.classifier import Classifier
from wbc.predict.sources import Source


def as_source(picture):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return Source("picture", ".png", file.getvalue)


def test_the_classifier_for_use_says_the_same_of_pictures_without_a_cell(reproduced):
    written = json.loads((reproduced.folder / "reports/strangers.json").read_text())
    classifier = Classifier(reproduced.folder / "models/deployed")
    drawn = strangers()
    assert written.keys() == drawn.keys()
    for kind, pictures in drawn.items():
        said = pd.Series([one.reason for one in classifier.predict_sources(map(as_source, pictures))])
        assert written[kind] == {
            "images": len(pictures),
            "abstained": (said != "").mean(),
            "unlike": (said == UNLIKE).mean(),
        }
