import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stages import baseline
from wbc.split.folds import roles
from wbc.split.table import Splits

COLORS = {"basophil": (250, 10, 10), "eosinophil": (10, 250, 10), "NA": (10, 10, 250)}
PARTS = ["train", "train", "train", "valid", "test", "test"]


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Six images per class, one of each class in each fold, all of the class's own color.

    Two basophils that are tested are green, so that their color says eosinophil; their features say basophil.
    """
    monkeypatch.chdir(tmp_path)
    rows = [
        (f"{label}/{number}.png", label, part, PARTS[::-1][number], number)
        for label in COLORS
        for number, part in enumerate(PARTS)
    ]
    splits = pd.DataFrame(rows, columns=["path", "label", "image", "grouped", "fold"])
    splits = splits.assign(photo_id=range(18), group=range(18))
    for path, label in zip(splits["path"], splits["label"], strict=True):
        color = COLORS["eosinophil" if path in ("basophil/4.png", "basophil/0.png") else label]
        file = tmp_path / "data/images" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (12, 9), color).save(file)
    Splits(splits, roles(splits["path"].tolist(), splits["fold"], [set()] * 18, [True] * 18)).save(tmp_path / "data")
    features = 8 * np.eye(3)[pd.factorize(splits["label"])[0]] + np.random.default_rng(0).normal(0, 0.3, (18, 3))
    (tmp_path / "data/features").mkdir()
    np.save("data/features/features.npy", features[:, None].astype(np.float16))
    (tmp_path / "data/features/features.json").write_text('{"zooms": [1]}')
    return splits


def baseline_predictions(scheme):
    return pd.read_csv(f"data/baselines/{scheme}.csv", keep_default_na=False).set_index("path")


def test_each_splits_test_images_and_all_of_the_cross_validation_in_order(tree):
    baseline.main()
    for scheme in ("image", "grouped"):
        assert baseline_predictions(scheme).index.tolist() == tree.loc[tree[scheme] == "test", "path"].tolist()
    assert baseline_predictions("crossval").index.tolist() == tree["path"].tolist()
    assert list(baseline_predictions("crossval")) == ["majority", "color_histogram", "logistic_regression"]


def test_all_images_that_are_not_scored_are_learned_from(tree, monkeypatch):
    learned = []
    predictions = baseline.baseline_predictions

    def spied(labels, colors, features, train, test):
        learned.append((train.tolist(), test.tolist()))
        return predictions(labels, colors, features, train, test)

    monkeypatch.setattr(baseline, "baseline_predictions", spied)
    baseline.main()
    assert len(learned) == 2 + tree["fold"].nunique()
    assert all(sorted(train + test) == list(range(len(tree))) for train, test in learned)


def test_colors_know_the_color_and_regression_the_features(tree):
    baseline.main()
    for scheme, green in (("image", "basophil/4.png"), ("grouped", "basophil/0.png")):
        found = baseline_predictions(scheme)
        assert found.loc[green, "color_histogram"] == "eosinophil"
        assert found.loc["NA/" + green.split("/")[1], "color_histogram"] == "NA"
        assert (found["logistic_regression"] == found.index.str.split("/").str[0]).all()
    assert baseline_predictions("crossval").loc["basophil/4.png", "color_histogram"] == "eosinophil"


def test_features_of_other_images_stop(tree, capsys):
    np.save("data/features/features.npy", np.zeros((2, 1, 3), np.float16))
    with pytest.raises(SystemExit):
        baseline.main()
    assert "holds the features of 2 images, but the splits are of 18" in capsys.readouterr().err
