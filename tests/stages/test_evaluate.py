import json
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stages import evaluate
from wbc.models.tensorflow_setup import keras

CLASSES = ["basophil", "eosinophil", "lymphocyte"]
PARTS = ["train", "train", "valid", "test", "test"]
COLORS = [(250, 10, 10), (10, 250, 10), (10, 10, 250)]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Five cells a class, two images each, of the class's own color; the classifier names the strongest channel.

    One basophil of the test part is green, so the classifier calls it eosinophil. Of the baselines, one says so too.
    """
    root = tmp_path_factory.mktemp("evaluate")
    rows = [
        (f"{label}/{cell}_{copy}.png", label, 5 * number + cell, PARTS[cell])
        for number, label in enumerate(CLASSES)
        for cell in range(5)
        for copy in (0, 1)
    ]
    splits = pd.DataFrame(rows, columns=["path", "label", "photo_id", "grouped"]).assign(image="train")
    for path, label in zip(splits["path"], splits["label"], strict=True):
        color = COLORS[1] if path.startswith("basophil/4") else COLORS[CLASSES.index(label)]
        (root / "data/raw" / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (12, 9), color).save(root / "data/raw" / path)
    splits.to_csv(root / "data/splits.csv", index=False)
    (root / "data/fetch.json").write_text('{"synthetic": true}')
    (root / "data/features").mkdir()
    (root / "data/baselines").mkdir()
    tested = splits.loc[splits["grouped"] == "test", ["path", "label"]]
    green = tested["path"].str.startswith("basophil/4")
    baseline_predictions = {"majority": CLASSES[2], "color_histogram": tested["label"].mask(green, CLASSES[1])}
    baseline_predictions["logistic_regression"] = tested["label"]
    tested[["path"]].assign(**baseline_predictions).to_csv(root / "data/baselines/grouped.csv", index=False)
    (root / "params.yaml").write_text("intervals: {confidence_level: 0.95, n_resamples: 200, seed: 1}")

    image = keras.Input((8, 8, 3))
    scores = keras.layers.Rescaling(1 / 50)(keras.layers.GlobalAveragePooling2D()(image))
    keras.Model(image, scores).save(root / "data/features/backbone.keras")
    folder = root / "models/grouped"
    folder.mkdir(parents=True)
    keras.Sequential([keras.Input((3,)), keras.layers.Softmax()]).save(folder / "head.keras")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setattr(sys, "argv", ["evaluate", "grouped"])
        evaluate.main()
    return root


@pytest.fixture(scope="module")
def metrics(tree):
    return json.loads((tree / "reports/grouped/metrics.json").read_text())


def test_the_classifier_is_scored_on_the_test_images(tree, metrics):
    predictions = pd.read_csv(tree / "reports/grouped/predictions.csv")
    assert list(predictions) == ["path", "label", "photo_id", "predicted", *(f"p_{name}" for name in CLASSES)]
    assert predictions["photo_id"].tolist() == [3, 3, 4, 4, 8, 8, 9, 9, 13, 13, 14, 14]
    assert predictions.loc[predictions["label"] != predictions["predicted"], "path"].tolist() == [
        "basophil/4_0.png",
        "basophil/4_1.png",
    ]
    assert metrics["accuracy"] == metrics["cells"]["accuracy"] == 0.8333
    assert metrics["per_class"]["basophil"] | {"recall": 0.5, "support": 4} == metrics["per_class"]["basophil"]
    assert metrics["cells"]["per_class"]["basophil"]["support"] == 2


def test_the_file_that_is_shipped_says_what_was_scored(tree):
    predictions = pd.read_csv(tree / "reports/grouped/predictions.csv")
    model = keras.models.load_model(tree / "models/grouped/classifier.keras")
    images = [np.array(Image.open(tree / "data/raw" / path).resize((8, 8))) for path in predictions["path"]]
    said = predictions[[f"p_{name}" for name in CLASSES]].to_numpy()
    assert model.predict(np.stack(images), verbose=0) == pytest.approx(said, abs=1e-4)


def test_images_and_cells_of_each_part(metrics):
    assert metrics["images"] == {"train": 12, "valid": 6, "test": 12}
    assert metrics["sources"] == {
        part: dict.fromkeys(CLASSES, count) for part, count in (("train", 2), ("valid", 1), ("test", 2))
    }


def test_baselines_are_scored_on_the_same_images(metrics):
    assert {name: scores["accuracy"] for name, scores in metrics["baseline"].items()} == {
        "majority": 0.3333,
        "color_histogram": 0.8333,
        "logistic_regression": 1.0,
    }


def test_intervals_by_the_parameters(metrics):
    assert (metrics["intervals"]["confidence_level"], metrics["intervals"]["n_resamples"]) == (0.95, 200)
    assert metrics["intervals"]["per_class"]["lymphocyte"]["recall"]["wilson"] == 1  # two cells of two
    assert metrics["intervals"]["per_class"]["basophil"]["recall"] == {"low": 0.0, "high": 1.0}


def test_baselines_of_another_split_stop(tree, tmp_path, monkeypatch, capsys):
    for name in ("data/splits.csv", "data/baselines/grouped.csv", "params.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((tree / name).read_bytes())
    splits = pd.read_csv(tmp_path / "data/splits.csv").replace({"grouped": {"test": "valid", "valid": "test"}})
    splits.to_csv(tmp_path / "data/splits.csv", index=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["evaluate", "grouped"])
    with pytest.raises(SystemExit):
        evaluate.main()
    assert "holds other images than those scored here" in capsys.readouterr().err
