import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stages import export
from wbc.models.head import Head, predict_proba, save_head
from wbc.models.tensorflow_setup import keras

CLASSES = ["basophil", "eosinophil", "lymphocyte"]
COLORS = [(250, 10, 10), (10, 250, 10), (10, 10, 250)]


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A backbone whose features are the mean color, a head that names the strongest, and what was scored with them."""
    monkeypatch.chdir(tmp_path)
    Path("data/features").mkdir(parents=True)
    image = keras.Input((8, 8, 3))
    features = keras.layers.Rescaling(1 / 50)(keras.layers.GlobalAveragePooling2D()(image))
    keras.Model(image, features).save("data/features/backbone.keras")
    head = Head([], np.eye(3), np.zeros(3))
    paths = [f"{name}/{number}.png" for name in CLASSES for number in range(2)]
    for path in paths:
        Path("data/raw", path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (12, 9), COLORS[CLASSES.index(path.split("/")[0])]).save(Path("data/raw", path))
    probabilities = predict_proba(head, np.repeat(np.array(COLORS) / 50, 2, axis=0))
    predictions = pd.DataFrame(probabilities.round(4), columns=[f"p_{name}" for name in CLASSES]).assign(path=paths)
    for protocol in ("image", "grouped"):
        Path("models", protocol).mkdir(parents=True)
        Path("reports", protocol).mkdir(parents=True)
        save_head(head, Path("models", protocol, "head.npz"))
        predictions.to_csv(Path("reports", protocol, "predictions.csv"), index=False)
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
