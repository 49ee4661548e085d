from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from stages import train
from tests.imports import ROOT
from wbc.split.folds import roles
from wbc.split.table import Splits
from wbc.train.heads import Heads


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """The project's own parameters but for smaller heads, and 24 images of two classes in three folds."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/features").mkdir(parents=True)
    fold, labels = np.arange(24) % 3, np.arange(24) // 3 % 2
    paths = [f"{label}/{number}.png" for number, label in enumerate(labels)]
    parts = np.array(["train"] * 12 + ["valid"] * 6 + ["test"] * 6)
    table = pd.DataFrame({"path": paths, "label": labels, "image": parts, "grouped": parts[::-1], "fold": fold})
    table = table.assign(photo_id=range(24), group=range(24))
    Splits(table, roles(paths, fold, [set()] * 24, np.arange(24) % 2 == 0)).save(tmp_path / "data")
    features = np.random.default_rng(0).normal(size=(24, 2, 9)) + 4 * np.eye(9)[labels][:, None]
    np.save("data/features/features.npy", features.astype(np.float16))
    (tmp_path / "data/features/features.json").write_text('{"parameters": 100}')
    set_params(train={})
    return tmp_path


def set_params(train):
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    section = params["train"] | {"crossval": {"heads": 2, "units": [4]}}
    section["head"] |= {"units": [6]}
    for name, values in train.items():
        section[name] = section[name] | values
    Path("params.yaml").write_text(yaml.safe_dump(params | {"train": section}), encoding="utf-8")


def test_heads_of_all_schemes_are_written(tree):
    train.main()
    heads = Heads.load(tree / "models/heads")
    assert heads.classes == ["0", "1"]
    assert len(heads.ensemble) == 3 * 2 and len(heads.of_fold(2)) == 2
    assert [norm.gamma.size for norm in heads.head("grouped").norms] == [6]
    assert heads.facts["image"]["parameters"]["total"] > 100
    assert len(heads.history("image")) == heads.facts["image"]["epochs"]
    assert not (tree / "reports").exists()


def test_features_and_splits_of_different_images_stop(tree, capsys):
    np.save(tree / "data/features/features.npy", np.zeros((2, 1, 9), np.float16))
    with pytest.raises(SystemExit):
        train.main()
    assert "data/features/ holds the features of 2 images, but the splits are of 24" in capsys.readouterr().err
    assert not (tree / "models").exists()


@pytest.mark.parametrize(
    ("section", "key", "value", "said"),
    [
        ("head", "dropout", 1.0, "`train.head.dropout` is 1.0"),
        ("head", "units", [0], "`train.head.units.0` is 0"),
        ("optimizer", "epochs", 0, "`train.optimizer.epochs` is 0"),
        ("optimizer", "class_weights", "auto", "`train.optimizer.class_weights` is 'auto'"),
        ("optimizer", "batch_size", 1, "`train.optimizer.batch_size` is 1"),
        ("crossval", "heads", 0, "`train.crossval.heads` is 0"),
    ],
)
def test_values_out_of_range_are_named(tree, capsys, section, key, value, said):
    set_params({section: {key: value}})
    with pytest.raises(SystemExit):
        train.main()
    assert said in capsys.readouterr().err
