"""The command on a project whose classifier names the color of an image: another laboratory has other colors."""

import csv
import json
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests import color_classifier
from tests.color_classifier import CLASSES, COLORS
from tools import adapt
from wbc.common.images import decode, resize
from wbc.embed.tensorflow_setup import keras
from wbc.export.calibration import tempered
from wbc.predict.classifier import Classifier

BLUISH = [(160, 10, 230), (10, 160, 230), (10, 10, 230)]  # there, where everything is called lymphocyte


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with a shipped classifier and its cells, and labelled cells of the other laboratory."""
    monkeypatch.chdir(tmp_path)
    color_classifier.ship(tmp_path)
    features = np.repeat(np.array(COLORS) / 50, 4, axis=0)[:, None].astype(np.float16)
    np.save(tmp_path / "data/features/features.npy", features)
    (tmp_path / "data/features/features.json").write_text('{"image_size": 8, "tta_views": 8}')
    paths = [f"{name}/{number}.png" for name in CLASSES for number in range(4)]
    splits = pd.DataFrame({"path": paths, "label": np.repeat(CLASSES, 4)})
    splits.to_csv(tmp_path / "data/splits.csv", index=False)
    random = np.random.default_rng(0)
    for name, color in zip(CLASSES, BLUISH, strict=True):
        (tmp_path / "labelled" / name).mkdir(parents=True)
        for number in range(8):
            shade = tuple(int(value) for value in np.clip(np.array(color) + random.integers(-9, 10, 3), 0, 255))
            Image.new("RGB", (16, 16), shade).save(tmp_path / f"labelled/{name}/{number}.png")
    return tmp_path


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["adapt", *arguments])
    adapt.main()


def test_the_adapted_classifier_names_the_other_laboratorys_cells(project, monkeypatch, capsys):
    before = [found.label for found in Classifier("models/deployed").predict(["labelled"])]
    run(monkeypatch, "labelled")
    printed = capsys.readouterr().out
    after = [found.label for found in Classifier("models/adapted").predict(["labelled"])]
    truth = [name for name in CLASSES for _ in range(8)]
    assert np.mean([one == other for one, other in zip(before, truth, strict=True)]) < 0.4
    assert np.mean([one == other for one, other in zip(after, truth, strict=True)]) > 0.9
    with (project / "models/adapted/learning_curve.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["cells_per_class"]) for row in rows] == [0] + [1] * 8 + [2] * 8 + [5] * 8
    assert float(rows[-1]["balanced_accuracy"]) > float(rows[0]["balanced_accuracy"])
    assert "all 24 labelled cells, which leaves none to score it on" in printed
    facts = json.loads(Path("models/adapted/decision.json").read_text())
    assert facts["learned_from"] == "the images of colors; and 24 labelled cells of labelled"


def test_its_keras_file_says_the_same(project, monkeypatch):
    run(monkeypatch, "labelled", "--keras")
    model = keras.models.load_model("models/adapted/classifier.keras", compile=False)
    classifier = Classifier("models/adapted")
    images = np.stack([resize(decode(path)[0], 8) for path in sorted(Path("labelled").rglob("*.png"))])
    by_keras = tempered(model(images.astype(np.float32), training=False).numpy(), classifier.decision.temperature)
    predicted = [found.probabilities for found in classifier.predict(["labelled"])]
    np.testing.assert_allclose(predicted, by_keras, atol=0.01)
    with zipfile.ZipFile("models/adapted/classifier.keras") as members:
        assert json.loads(members.read("classes.json")) == CLASSES


def test_a_folder_that_is_no_class_is_named(project, monkeypatch, capsys):
    (project / "labelled/lymphocyte").rename(project / "labelled/lympho")
    with pytest.raises(SystemExit):
        run(monkeypatch, "labelled")
    assert "no class of the classifier: lympho" in capsys.readouterr().err
    assert not (project / "models/adapted").exists()


def test_a_broken_image_is_named(project, monkeypatch, capsys):
    (project / "labelled/lymphocyte/0.png").write_bytes(b"no image")
    with pytest.raises(SystemExit):
        run(monkeypatch, "labelled")
    printed = capsys.readouterr().err
    assert "1 of 24 files" in printed and "lymphocyte" in printed


def test_features_of_another_backbone_are_refused(project, monkeypatch, capsys):
    (project / "data/features/features.json").write_text('{"image_size": 224, "tta_views": 1}')
    with pytest.raises(SystemExit):
        run(monkeypatch, "labelled")
    assert "at 8 pixels" in capsys.readouterr().err


def test_a_folder_with_anything_else_in_it_is_not_replaced(project, monkeypatch, capsys):
    for folder in (".", "models/deployed", "labelled"):
        with pytest.raises(SystemExit):
            run(monkeypatch, "labelled", "--output", folder)
        assert "would be replaced as a whole" in capsys.readouterr().err
    assert len(list(project.glob("labelled/*/*.png"))) == 24 and (project / "models/deployed/fold_0_1.npz").is_file()


def test_a_classifier_that_has_learned_from_other_cells_than_those_at_home_is_refused(project, monkeypatch, capsys):
    (project / "data/fetch.json").write_text('{"description": "the images of shapes"}')
    with pytest.raises(SystemExit):
        run(monkeypatch, "labelled")
    said = capsys.readouterr().err
    assert "has learned from the images of colors, and the cells here" in said and "are the images of shapes" in said


def test_a_keras_file_of_another_backbone_is_refused(project, monkeypatch, capsys):
    Path("data/features/backbone.pb").write_bytes(b"of another run")
    with pytest.raises(SystemExit):
        run(monkeypatch, "labelled", "--keras")
    assert "which is of another backbone than the classifier" in capsys.readouterr().err
    assert not Path("models/adapted").exists()
