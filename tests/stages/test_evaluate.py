"""evaluate and train on made-up features: each class has a number of its own, so that a head can tell them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.stats import binomtest

from stages import evaluate, train
from tests import color_project
from tests.imports import ROOT
from wbc.embed.weights import BLOOD_SHA256
from wbc.split.folds import roles
from wbc.split.table import Splits

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
    splits = splits.assign(image=splits["grouped"], group=splits["photo_id"])
    for folder in ("data/features", "data/baselines"):
        (root / folder).mkdir(parents=True)
    fold = splits["fold"].to_numpy()
    halved = np.arange(36) // 2 % 2 == 0
    Splits(splits, roles(splits["path"].tolist(), fold, [set()] * 36, halved)).save(root / "data")
    looks = [1 if path.startswith("basophil/5") else CLASSES.index(label) for path, label, *_ in rows]
    features = 3 * np.eye(8)[looks][:, None] + np.random.default_rng(0).normal(size=(36, 2, 8)) / 10
    np.save(root / "data/features/features.npy", features.astype(np.float16))
    (root / "data/features/features.json").write_text(f'{{"parameters": 100, "weights_file_sha256": "{BLOOD_SHA256}"}}')
    color_project.fetch_record(synthetic=True, images=36, classes=dict.fromkeys(CLASSES, 12)).save(root / "data")
    (root / "data/split.json").write_text(
        '{"leak": {"image": 0.5, "grouped": 0.0}, "overlap": {"known": 9, "images": 1, "paths": ["basophil/5_0.png"]}}'
    )
    # Of the test part, one basophil is really the cell of two training images; the groups don't know.
    cells = splits["photo_id"].replace({4: 0})
    splits[["path"]].assign(cell=cells).to_csv(root / "data/truth.csv", index=False)
    for scheme in SCHEMES:
        scored = splits if scheme == "crossval" else splits[splits[scheme] == "test"]
        predicted = {"majority": CLASSES[2], "color_histogram": scored["label"], "logistic_regression": scored["label"]}
        scored[["path"]].assign(**predicted).to_csv(root / f"data/baselines/{scheme}.csv", index=False)
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["train"]["head"] |= {"units": [8], "standardize": False}
    params["train"]["optimizer"] |= {"epochs": 25, "batch_size": 4, "learning_rate": 0.02}
    params["intervals"] = {"confidence_level": 0.95}
    params["train"]["crossval"] = {"heads": 1, "units": [8]}
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
    # Two of 12 test images; and cross-validated, all four images of the cell: its two groups are of folds 0 and 1.
    assert [headline[f"leak_{name}"] for name in ("img", "grp", "cv")] == [0.167, 0.167, 0.111]
    assert headline["logreg"] == 1.0


def test_images_and_cells_of_each_part(metrics):
    assert metrics["image"]["images"] == {"train": 18, "valid": 6, "test": 12}
    counts = {"train": 3, "valid": 1, "test": 2}
    assert metrics["image"]["sources"] == {part: dict.fromkeys(CLASSES, count) for part, count in counts.items()}


def test_images_that_trained_the_backbone_are_scored_apart(metrics):
    """Of two misclassified images, one is left out; the cell of both still counts once."""
    found = metrics["crossval"]["overlap"]
    assert (found["images"], found["rest"]) == (1, 35)
    assert found["accuracy"] == metrics["crossval"]["cells"]["accuracy"]
    assert found["intervals"]["accuracy"]["low"] < found["accuracy"] < found["intervals"]["accuracy"]["high"]
    assert "overlap" not in metrics["grouped"]


def test_baselines_are_scored_on_the_same_images(metrics):
    scores = {name: scores["accuracy"] for name, scores in metrics["grouped"]["baseline"].items()}
    assert scores == {"majority": 0.3333, "color_histogram": 1.0, "logistic_regression": 1.0}


def test_intervals_by_the_parameters(metrics):
    intervals = metrics["grouped"]["intervals"]
    assert intervals["confidence_level"] == 0.95
    for name, right in (("lymphocyte", 2), ("basophil", 1)):  # of two cells
        low, high = binomtest(right, 2).proportion_ci(0.95, "wilson")
        assert intervals["per_class"][name]["recall"] == {"low": round(low, 4), "high": round(high, 4)}


def test_baselines_of_another_split_stop(tree, monkeypatch, capsys):
    splits = Path(tree, "data/splits.csv")
    before = splits.read_bytes()
    pd.read_csv(splits).replace({"image": {"test": "valid", "valid": "test"}}).to_csv(splits, index=False)
    monkeypatch.chdir(tree)
    with pytest.raises(SystemExit):
        evaluate.main()
    splits.write_bytes(before)
    assert "predict other images than those that it scores" in capsys.readouterr().err
