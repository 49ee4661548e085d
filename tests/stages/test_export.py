import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stages import export
from tests import color_classifier
from tests.color_classifier import CLASSES, COLORS
from wbc.embed.tensorflow_setup import keras
from wbc.predict.classifier import Classifier, Prediction
from wbc.train.head import Head, load_head, save_head
from wbc.train.layers import Dense


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A project whose classifier names the color of an image."""
    monkeypatch.chdir(tmp_path)
    color_classifier.make(tmp_path)
    return tmp_path


def test_the_classifier_is_shipped_when_it_says_what_was_scored(tree):
    export.main()
    classifier = keras.models.load_model("models/grouped/classifier.keras")
    assert classifier.predict(np.full((1, 8, 8, 3), COLORS[1], np.float32), verbose=0).argmax() == 1
    checked = json.loads(Path("reports/export.json").read_text())["checked"]
    assert checked["image"] == {"images": 6, "parameters": {"total": 12, "trainable": 12}}


def test_nothing_is_shipped_when_it_says_something_else(tree, capsys):
    predictions = pd.read_csv("reports/grouped/predictions.csv")
    predictions.loc[3, ["p_basophil", "p_eosinophil"]] = predictions.loc[3, ["p_eosinophil", "p_basophil"]].to_numpy()
    predictions.to_csv("reports/grouped/predictions.csv", index=False)
    with pytest.raises(SystemExit):
        export.main()
    assert "eosinophil/1.png" in (message := capsys.readouterr().err) and "1 of 6 test images" in message
    assert not Path("models/grouped/classifier.keras").exists()
    assert not Path("reports/export.json").exists()


def test_of_a_second_classifier_its_own_weights_are_checked(tree):
    """Both files describe the same model, so the second one's weights are read into the first one's."""
    file = Path("models/grouped/head.npz")
    head = load_head(file)
    last = head.dense[-1]
    save_head(Head([*head.layers[:-1], Dense(np.roll(last.kernel, 1, axis=1), last.bias)]), file)
    predictions = pd.read_csv("reports/grouped/predictions.csv")
    names = [f"p_{name}" for name in CLASSES]
    predictions[names] = np.roll(predictions[names], 1, axis=1)
    predictions.to_csv("reports/grouped/predictions.csv", index=False)
    export.main()
    classifier = keras.models.load_model("models/grouped/classifier.keras")
    assert classifier.predict(np.full((1, 8, 8, 3), COLORS[1], np.float32), verbose=0).argmax() == 2


def test_what_is_shipped_for_use_names_its_classes_and_every_file(tree):
    export.main()
    with zipfile.ZipFile("models/deployed/classifier.keras") as archive:
        assert json.loads(archive.read("classes.json")) == CLASSES
    model = keras.models.load_model("models/deployed/classifier.keras", compile=False)
    assert model.predict(np.full((1, 8, 8, 3), COLORS[2], np.float32), verbose=0).argmax() == 2
    facts = json.loads(Path("models/deployed/decision.json").read_text())
    assert facts["heads"] == ["fold_0_1.npz", "fold_1_1.npz"]
    assert set(facts["sha256"]) == {path.name for path in Path("models/deployed").iterdir()} - {"decision.json"}


def test_two_forms_that_disagree_are_not_shipped(tree, capsys, monkeypatch):
    monkeypatch.setattr(Classifier, "predict_sources", _always_the_first)
    with pytest.raises(SystemExit):
        export.main()
    assert "other probabilities by Keras than by OpenVINO" in capsys.readouterr().err
    assert not Path("models/deployed").exists()


def _always_the_first(self, sources):
    return [Prediction(source.name, "basophil", [1.0, 0.0, 0.0], [], 0.0, "", "", 0.0) for source in sources]
