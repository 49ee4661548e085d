import json
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stages import split


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Two classes of ten images each; the last two of class a are the same picture, and class c has a single image."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    paths = [*(f"a/{number}.png" for number in range(10)), *(f"b/{number}.png" for number in range(10)), "c/0.png"]
    for path in paths:
        file = tmp_path / "data/raw" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(256, size=(16, 16, 3), dtype=np.uint8)).save(file)
    shutil.copy(tmp_path / "data/raw/a/8.png", tmp_path / "data/raw/a/9.png")
    pd.DataFrame({"path": paths, "label": [path[0] for path in paths]}).to_csv("data/manifest.csv", index=False)
    return tmp_path


def params(tree, **changes):
    values = {"seed": 1, "train": 0.7, "valid": 0.15, "folds": 5} | changes
    (tree / "params.yaml").write_text(f"split: {values}")


def test_both_protocols_in_the_manifests_order(tree, capsys):
    params(tree)
    split.main()
    splits = pd.read_csv("data/splits.csv")
    assert list(splits) == ["path", "label", "photo_id", "group", "image", "grouped", "fold"]
    assert splits["path"].tolist() == pd.read_csv("data/manifest.csv")["path"].tolist()
    copies = splits[splits["path"].isin(["a/8.png", "a/9.png"])]
    assert copies["photo_id"].nunique() == copies["grouped"].nunique() == copies["fold"].nunique() == 1
    assert set(splits["fold"]) == set(range(5))
    assert splits["photo_id"].nunique() == 20
    printed = capsys.readouterr().out
    assert "21 images show 20 cells" in printed
    assert "note, grouped: no image of c is in the test part" in printed
    assert "no image of a" not in printed


def test_the_audit_is_written_beside_the_split(tree):
    params(tree)
    split.main()
    audit = json.loads((tree / "reports/audit.json").read_text())
    assert audit["exact_duplicates"] == {"images": 2, "sets": 1, "examples": [["a/8.png", "a/9.png"]]}
    assert audit["classes"]["a"] == {"images": 10, "groups": 9, "largest_group": 2}
    assert audit["leak"]["grouped"] == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"train": 0.9, "valid": 0.1}, "leave no images for the test part"),
        ({"train": 0.0}, "`split.train` is 0.0"),
        ({"vaild": 0.1}, "Did you mean `split.valid`?"),
        ({"folds": 1}, "`split.folds` is 1"),
    ],
)
def test_shares_that_cannot_be_stop_and_write_nothing(tree, capsys, changes, said):
    params(tree, **changes)
    with pytest.raises(SystemExit):
        split.main()
    assert said in capsys.readouterr().err
    assert not (tree / "data/splits.csv").exists() and not (tree / "reports/audit.json").exists()
