"""evaluate and train on made-up features: each class has a number of its own, so that a head can tell them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from stages import evaluate, train
from tests.imports import ROOT

CLASSES = ["basophil", "eosinophil", "lymphocyte"]
PARTS = ["train", "train", "train", "valid", "test", "test"]
SCHEMES = ("image", "grouped", "crossval")


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Six cells per class, two images each; one basophil of the test part looks like an eosinophil."""
    root = tmp_path_factory.mktemp("evaluate")
    rows = [
        (f"{label}/{cell}_{copy}.png", label, 6 * number + cell, PARTS[cell], cell % 3)
        for number, label in enumerate(CLASSES)
        for cell in range(6)
        for copy in (0, 1)
    ]
    splits = pd.DataFrame(rows, columns=["path", "label", "photo_id", "grouped", "fold"])
    splits = splits.assign(image=splits["grouped"], group=splits["photo_id"], withheld="", validates=1)
    for folder in ("data/features", "data/baselines", "reports"):
        (root / folder).mkdir(parents=True)
    splits.to_csv(root / "data/splits.csv", index=False)
    looks = [1 if path.startswith("basophil/5") else CLASSES.index(label) for path, label, *_ in rows]
    features = 3 * np.eye(8)[looks][:, None] + np.random.default_rng(0).normal(size=(36, 2, 8)) / 10
    np.save(root / "data/features/features.npy", features.astype(np.float16))
    (root / "data/features/features.json").write_text('{"parameters": 100}')
    (root / "data/fetch.json").write_text('{"synthetic": true}')
    (root / "reports/audit.json").write_text('{"leak": {"image": 0.5, "grouped": 0.0}}')
    (root / "reports/truth.json").write_text(
        '{"known": true, "leak": {"image": 0.75, "grouped": 0.25, "crossval": 0.125}}'
    )
    for scheme in SCHEMES:
        scored = splits if scheme == "crossval" else splits[splits[scheme] == "test"]
        predicted = {"majority": CLASSES[2], "color_histogram": scored["label"], "logistic_regression": scored["label"]}
        scored[["path"]].assign(**predicted).to_csv(root / f"data/baselines/{scheme}.csv", index=False)
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["train"]["head"] |= {"units": [8], "standardize": False}
    params["train"]["optimizer"] |= {"epochs": 25, "batch_size": 4, "learning_rate": 0.02}
    params["intervals"] = {"confidence_level": 0.95, "n_resamples": 200, "seed": 1}
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        train.main()
        evaluate.main()
    return root


@pytest.fixture(scope="module")
def metrics(tree):
    return {scheme: json.loads((tree / f"reports/{scheme}/metrics.json").read_text()) for scheme in SCHEMES}


def test_the_head_is_scored_on_the_test_images(tree, metrics):
    predictions = pd.read_csv(tree / "reports/grouped/predictions.csv")
    assert list(predictions) == ["path", "label", "group", "predicted", *(f"p_{name}" for name in CLASSES)]
    assert predictions["group"].tolist() == [4, 4, 5, 5, 10, 10, 11, 11, 16, 16, 17, 17]
    wrong = predictions["label"] != predictions["predicted"]
    assert predictions.loc[wrong, "path"].tolist() == ["basophil/5_0.png", "basophil/5_1.png"]
    assert metrics["grouped"]["accuracy"] == metrics["grouped"]["cells"]["accuracy"] == 0.8333
    assert metrics["grouped"]["cells"]["per_class"]["basophil"]["support"] == 2


def test_cross_validation_scores_every_image_once(tree, metrics):
    predictions = pd.read_csv(tree / "reports/crossval/predictions.csv")
    assert list(predictions)[:5] == ["path", "label", "group", "fold", "predicted"]
    assert len(predictions) == 36 and metrics["crossval"]["folds"] == 3
    assert metrics["crossval"]["images"] == {"all": 36}
    assert metrics["crossval"]["accuracy"] == round(34 / 36, 4)


def test_the_headline_holds_about_ten_numbers_with_the_true_leak(tree, metrics):
    headline = json.loads((tree / "reports/metrics.json").read_text())
    assert len(headline) == 11
    assert headline["bacc"] == round(metrics["crossval"]["cells"]["balanced_accuracy"], 3)
    assert headline["low"] <= headline["bacc"] <= headline["high"]
    assert [headline[f"leak_{name}"] for name in ("img", "grp", "cv")] == [0.75, 0.25, 0.125]
    assert headline["logreg"] == 1.0


def test_images_and_cells_of_each_part(metrics):
    assert metrics["image"]["images"] == {"train": 18, "valid": 6, "test": 12}
    counts = {"train": 3, "valid": 1, "test": 2}
    assert metrics["image"]["sources"] == {part: dict.fromkeys(CLASSES, count) for part, count in counts.items()}


def test_baselines_are_scored_on_the_same_images(metrics):
    scores = {name: scores["accuracy"] for name, scores in metrics["grouped"]["baseline"].items()}
    assert scores == {"majority": 0.3333, "color_histogram": 1.0, "logistic_regression": 1.0}


def test_intervals_by_the_parameters(metrics):
    intervals = metrics["grouped"]["intervals"]
    assert (intervals["confidence_level"], intervals["n_resamples"]) == (0.95, 200)
    assert intervals["per_class"]["lymphocyte"]["recall"]["wilson"] == 1  # two cells of two
    assert intervals["per_class"]["basophil"]["recall"] == {"low": 0.0, "high": 1.0}


def test_what_training_was_is_written(tree):
    training = json.loads((tree / "reports/image/training.json").read_text())
    history = pd.read_csv(tree / "reports/image/history.csv")
    assert training["epochs"] == len(history) and 1 <= training["best_epoch"] <= len(history)
    # Kernels, biases, gamma and beta are trained; running means and variances count in the total alone.
    assert training["parameters"] == {"trainable": 8 * 8 + 3 * 8 + 8 * 3 + 3, "total": 100 + 8 * 8 + 5 * 8 + 8 * 3 + 3}
    assert json.loads((tree / "models/image/classes.json").read_text()) == CLASSES


def test_baselines_of_another_split_stop(tree, monkeypatch, capsys):
    splits = Path(tree, "data/splits.csv")
    before = splits.read_bytes()
    pd.read_csv(splits).replace({"image": {"test": "valid", "valid": "test"}}).to_csv(splits, index=False)
    monkeypatch.chdir(tree)
    with pytest.raises(SystemExit):
        evaluate.main()
    splits.write_bytes(before)
    assert "holds other images than those scored here" in capsys.readouterr().err
