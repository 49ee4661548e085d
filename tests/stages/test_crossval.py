import json

import numpy as np
import pandas as pd
import pytest
import yaml

from stages import crossval

# Cells a class: basophil has fewer than there are folds, and monocyte a single one.
CELLS = {"basophil": 2, "eosinophil": 6, "lymphocyte": 6, "monocyte": 1}
FOLDS = {"basophil": [0, 1], "eosinophil": [0, 1, 2, 2, 1, 0], "lymphocyte": [0, 1, 2, 0, 1, 2], "monocyte": [2]}
SETTINGS = {
    "train": {
        "seed": 1,
        "head": {"units": [], "dropout": 0.0, "l2": 0.0},
        "optimizer": {
            "epochs": 12,
            "batch_size": 8,
            "learning_rate": 0.05,
            "label_smoothing": 0.0,
            "class_weights": "none",
            "reduce_factor": 0.5,
            "reduce_patience": 2,
            "stop_patience": 3,
        },
    },
    "intervals": {"confidence_level": 0.9, "n_resamples": 100, "seed": 1},
}


def fabricate(root):
    """Write the inputs: two images a cell, whose features tell the class."""
    random = np.random.default_rng(0)
    rows, group = [], 0
    for label, count in CELLS.items():
        for cell in range(count):
            rows += [(f"{label}/{cell}_{copy}.png", label, group, FOLDS[label][cell]) for copy in (0, 1)]
            group += 1
    splits = pd.DataFrame(rows, columns=["path", "label", "photo_id", "fold"])
    splits["image"] = splits["grouped"] = "train"
    numbers = pd.factorize(splits["label"], sort=True)[0]
    features = random.normal(size=(len(splits), 2, 12)) + 6 * np.eye(12)[numbers][:, None]
    (root / "data/features").mkdir(parents=True)
    np.save(root / "data/features/features.npy", features.astype(np.float16))
    splits.to_csv(root / "data/splits.csv", index=False)
    (root / "data/fetch.json").write_text('{"synthetic": true}')
    (root / "params.yaml").write_text(yaml.safe_dump(SETTINGS))
    (root / "data/baselines").mkdir()
    splits[["path"]].assign(majority="eosinophil").to_csv(root / "data/baselines/crossval.csv", index=False)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("crossval")
    fabricate(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        crossval.main()
    return root


@pytest.fixture(scope="module")
def metrics(tree):
    return json.loads((tree / "reports/crossval/metrics.json").read_text())


def test_every_image_is_predicted_once_in_the_splits_order(tree):
    predictions, splits = (pd.read_csv(tree / name) for name in ("reports/crossval/predictions.csv", "data/splits.csv"))
    columns = [*(f"p_{name}" for name in CELLS)]
    assert list(predictions) == ["path", "label", "photo_id", "fold", "predicted", *columns]
    assert predictions["path"].tolist() == splits["path"].tolist()
    assert predictions[columns].sum(axis=1).to_numpy() == pytest.approx(np.ones(len(splits)), abs=1e-3)


def test_a_class_is_recognized_only_where_another_fold_has_it(metrics):
    recall = {name: values["recall"] for name, values in metrics["per_class"].items()}
    assert recall["eosinophil"] >= 0.8 and recall["lymphocyte"] >= 0.8
    assert recall["monocyte"] == 0  # its only cell was in no head's training


def test_the_numbers_are_of_all_images_and_cells(metrics):
    assert metrics["folds"] == 3
    assert metrics["synthetic"] == 1
    assert metrics["images"] == {"all": 30}
    assert metrics["sources"] == {"all": CELLS}
    assert {name: values["support"] for name, values in metrics["per_class"].items()} == {
        name: 2 * count for name, count in CELLS.items()
    }
    assert {name: values["support"] for name, values in metrics["cells"]["per_class"].items()} == CELLS
    assert metrics["intervals"]["confidence_level"] == 0.9
    assert metrics["baseline"]["majority"]["accuracy"] == 0.4


def test_curves_of_every_class(tree):
    assert set(pd.read_csv(tree / "reports/crossval/roc.csv")["class"]) == set(CELLS)
    assert set(pd.read_csv(tree / "reports/crossval/pr.csv")["class"]) == set(CELLS)


def test_all_in_one_fold_is_said(tmp_path, monkeypatch, capsys):
    fabricate(tmp_path)
    splits = pd.read_csv(tmp_path / "data/splits.csv").assign(fold=0)
    splits.to_csv(tmp_path / "data/splits.csv", index=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        crossval.main()
    assert "none is left to learn from" in capsys.readouterr().err
    assert not (tmp_path / "reports").exists()
