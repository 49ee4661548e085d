"""The stage export on a project of colors: what is written is what was scored, or nothing is."""

import json
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stages import export
from tests import color_project
from tests.color_package import CLASSES, COLORS, SIZE
from wbc.embed.tensorflow_setup import keras
from wbc.export import checks, negatives
from wbc.export.packaging import read_package
from wbc.predict.classifier import Classifier
from wbc.train.head import Head, load_head, save_head
from wbc.train.layers import Dense


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A project whose stages ran up to `export`."""
    root = tmp_path_factory.mktemp("export")
    color_project.reproduce(root)
    return root


@pytest.fixture
def tree(finished, tmp_path, monkeypatch):
    """A copy of it, before `export`."""
    root = tmp_path / "project"
    shutil.copytree(finished, root)
    for path in ("models/classifier.keras", "models/study.keras"):
        (root / path).unlink()
    for path in ("models/deployed", "reports/deployed", "reports/model_card"):
        shutil.rmtree(root / path)
    monkeypatch.chdir(root)
    return root


@pytest.mark.parametrize("name", ["classifier", "study"])
def test_a_keras_file_classifies_and_names_its_classes(finished, name):
    model = keras.models.load_model(finished / f"models/{name}.keras", compile=False)
    for number, color in enumerate(COLORS):
        assert model.predict(np.full((1, SIZE, SIZE, 3), color, np.float32), verbose=0).argmax() == number
    with zipfile.ZipFile(finished / f"models/{name}.keras") as archive:
        assert json.loads(archive.read("classes.json")) == CLASSES


def test_the_deployed_folder_names_every_file_and_classifies(finished):
    facts = read_package(finished / "models/deployed").facts
    assert facts.heads == ["fold_0_1.npz", "fold_1_1.npz", "fold_2_1.npz"]
    assert set(facts.sha256) == {path.name for path in (finished / "models/deployed").iterdir()} - {"decision.json"}
    predictions = Classifier(finished / "models/deployed").predict(finished / "data/images")
    assert [Path(one.path).parts[-2] for one in predictions] == [one.label for one in predictions]


def test_the_calibration_is_on_the_card_with_its_figures(finished):
    numbers = json.loads((finished / "reports/deployed/calibration.json").read_text())
    assert numbers["accuracy"] == 1 and set(numbers["negatives"]) == set(negatives.negatives())
    card = (finished / "reports/model_card.md").read_text()
    assert f"| Temperature | {numbers['temperature']:.2f} |" in card
    figures = re.findall(r"\]\((model_card/\w+\.svg)\)", card)
    assert sorted(figures) == ["model_card/reliability.svg", "model_card/risk.svg"]
    assert all((finished / "reports" / figure).is_file() for figure in figures)


def test_a_head_that_was_not_scored_is_not_exported(tree, capsys):
    file = Path("models/heads/image/head.npz")
    head = load_head(file)
    last = head.dense[-1]
    save_head(Head([*head.layers[:-1], Dense(np.roll(last.kernel, 1, axis=1), last.bias)]), file)
    with pytest.raises(SystemExit):
        export.main()
    message = capsys.readouterr().err
    assert "study.keras is not the classifier that was scored: 6 of 6 images" in message
    assert "basophil/4.png" in message and "Traceback" not in message
    assert not Path("models/study.keras").exists() and not Path("models/deployed").exists()


def test_a_scored_probability_that_differs_stops(tree, capsys):
    predictions = pd.read_csv("reports/image/predictions.csv")
    predictions.loc[3, ["p_basophil", "p_eosinophil"]] = predictions.loc[3, ["p_eosinophil", "p_basophil"]].to_numpy()
    predictions.to_csv("reports/image/predictions.csv", index=False)
    with pytest.raises(SystemExit):
        export.main()
    message = capsys.readouterr().err
    assert "eosinophil/5.png" in message and "1 of 6 images" in message


def test_other_weights_in_the_file_stop(finished, tmp_path):
    """A difference that is too small for any probability is found, since weights are compared bit for bit."""
    model = keras.models.load_model(finished / "models/study.keras", compile=False)
    shutil.copy(finished / "models/study.keras", tmp_path / "other.keras")
    weights = model.get_weights()
    weights[-1] = np.nextafter(weights[-1], np.float32(np.inf))
    model.set_weights(weights)
    with pytest.raises(checks.UserError, match="does not hold the weights that were saved"):
        checks.check_file(tmp_path / "other.keras", model, [], np.empty((0, 3)))


def test_pictures_without_a_cell_are_scored_as_the_deployed_classifier_answers(finished):
    measured = json.loads((finished / "reports/deployed/calibration.json").read_text())["negatives"]
    classifier = Classifier(finished / "models/deployed")
    for kind, pictures in negatives.negatives().items():
        answers = classifier.predict(pictures)
        assert measured[kind]["abstained"] == pytest.approx(np.mean([bool(one.reason) for one in answers]), abs=1e-4)
