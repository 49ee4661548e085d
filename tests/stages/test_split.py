import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from stages import split
from wbc.split.near_duplicates.fingerprints import Fingerprints
from wbc.split.table import Splits


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Two classes of ten images each; the last two of class a are the same picture, and class c has a single image."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    paths = [*(f"a/{number}.png" for number in range(10)), *(f"b/{number}.png" for number in range(10)), "c/0.png"]
    for path in paths:
        file = tmp_path / "data/images" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(256, size=(16, 16, 3), dtype=np.uint8)).save(file)
    shutil.copy(tmp_path / "data/images/a/8.png", tmp_path / "data/images/a/9.png")
    digests = [hashlib.sha256((tmp_path / "data/images" / path).read_bytes()).hexdigest() for path in paths]
    pd.DataFrame({"path": paths, "label": [path[0] for path in paths], "sha256": digests}).to_csv(
        "data/manifest.csv", index=False
    )
    known = [tmp_path / "data/images/a/0.png", tmp_path / "data/images/b/3.png"]
    (tmp_path / "pretraining").mkdir()
    Fingerprints.of(known).save(tmp_path / "pretraining/fingerprints.npz")
    return tmp_path


def test_images_that_trained_the_backbone_are_listed(tree):
    params(tree)
    split.main()
    overlap = json.loads((tree / "data/split.json").read_text())["overlap"]
    assert overlap == {"known": 2, "images": 2, "paths": ["a/0.png", "b/3.png"]}


def params(tree, **changes):
    values = {
        "groups": None,
        "search": True,
        "parts": None,
        "seed": 1,
        "train": 0.7,
        "valid": 0.15,
        "folds": 5,
    } | changes
    (tree / "params.yaml").write_text(yaml.safe_dump({"split": values}))


def test_both_schemes_in_the_manifests_order(tree, capsys):
    params(tree)
    split.main()
    splits = pd.read_csv("data/splits.csv")
    assert list(splits) == ["path", "label", "photo_id", "group", "image", "grouped", "fold"]
    assert splits["path"].tolist() == pd.read_csv("data/manifest.csv")["path"].tolist()
    copies = splits[splits["path"].isin(["a/8.png", "a/9.png"])]
    assert copies["photo_id"].nunique() == copies["grouped"].nunique() == copies["fold"].nunique() == 1
    assert set(splits["fold"]) == set(range(5))
    assert splits["photo_id"].nunique() == 20
    assert "21 images in 20 groups, 5 folds" in capsys.readouterr().out
    audit = json.loads((tree / "data/split.json").read_text())
    assert {(one["scheme"], one["label"]) for one in audit["missing"]} == {
        (scheme, "c") for scheme in ("image", "grouped", "crossval")
    }


def test_each_image_has_a_role_for_each_fold(tree):
    params(tree)
    split.main()
    folds = pd.read_csv("data/folds.csv")
    assert list(folds) == ["path", "fold", "role", "block"]
    assert (folds.groupby("fold")["path"].nunique() == 21).all()
    splits = Splits.load(Path("data"))
    for one in splits.rounds():
        assert one.test.tolist() == np.flatnonzero(splits.fold == one.fold).tolist()
        assert not set(splits.groups[one.test]) & set(splits.groups[one.train])


def test_the_audit_is_written_beside_the_split(tree):
    params(tree)
    split.main()
    audit = json.loads((tree / "data/split.json").read_text())
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
    assert not (tree / "data/splits.csv").exists() and not (tree / "data/split.json").exists()


def test_given_groups_join_what_was_found_and_are_never_divided(tree):
    (tree / "data/given").mkdir()
    pd.DataFrame({"file": ["a/8.png", "b/*"], "patient": ["P1", "P2"]}).to_csv("data/given/groups.csv", index=False)
    params(tree, groups="groups.csv", folds=2)
    split.main()
    splits = pd.read_csv("data/splits.csv")
    assert splits.groupby("group")["fold"].nunique().max() == 1
    assert splits.loc[splits["label"] == "b", "group"].nunique() == 1
    assert splits.loc[splits["path"].isin(["a/8.png", "a/9.png"]), "group"].nunique() == 1
    audit = json.loads((tree / "data/split.json").read_text())
    assert audit["level"] == "patient"
    assert audit["classes"]["b"]["groups"] == 1
    assert audit["leak"]["grouped"] == audit["shared_groups"]["grouped"] == 0
    assert audit["shared_groups"]["image"] > 0 and audit["without_own_group"] == []


def test_without_the_search_only_identical_files_and_given_groups_are_kept_together(tree):
    params(tree, search=False, groups=r"(?P<slide>[0-3])\.png")
    split.main()
    splits = pd.read_csv("data/splits.csv").set_index("path")
    assert splits["group"].nunique() == 21 - 1 - 3 - 2  # a/8 = a/9; slides 1, 2, 3 in two classes; slide 0 in three
    assert splits.loc["a/8.png", "group"] == splits.loc["a/9.png", "group"]
    assert splits.loc[["a/0.png", "b/0.png", "c/0.png"], "group"].nunique() == 1


def test_own_parts_take_the_place_of_the_split_by_file_and_are_audited(tree, capsys):
    (tree / "data/given").mkdir()
    rows = [
        f"{path},{'test' if path.endswith('9.png') else 'train'}" for path in pd.read_csv("data/manifest.csv")["path"]
    ]
    (tree / "data/given/parts.csv").write_text("\n".join(["file,part", *rows]))
    params(tree, parts="parts.csv")
    split.main()
    audit = json.loads((tree / "data/split.json").read_text())
    assert audit["leak"] == {"image": 0.5, "grouped": 0.0}  # a/9 is a copy of a/8
    assert audit["own_parts"]


def test_groups_and_parts_that_the_data_set_names_are_kept(tree):
    table = pd.read_csv("data/manifest.csv")
    table["part"] = ["test" if path.endswith("9.png") else "train" for path in table["path"]]
    table["given_patient"] = ["01" if label == "b" else "" for label in table["label"]]
    table.to_csv("data/manifest.csv", index=False)
    params(tree, parts="manifest", groups=r"(?P<slide>[0-3])\.png", folds=2, search=False)
    split.main()
    splits = Splits.load(Path("data")).table
    assert splits["image"].tolist() == table["part"].tolist()
    assert splits.loc[splits["label"] == "b", "group"].nunique() == 1
    assert splits["given_patient"].tolist() == table["given_patient"].tolist() and "given_slide" in splits
    assert json.loads((tree / "data/split.json").read_text())["level"] == "patient"


def test_parts_that_the_data_set_does_not_name_are_an_error(tree, capsys):
    params(tree, parts="manifest")
    with pytest.raises(SystemExit):
        split.main()
    assert "The manifest has no column `part`" in capsys.readouterr().err


def test_groups_that_are_not_there_are_named_with_their_parameter(tree, capsys):
    params(tree, groups="groups.csv")
    with pytest.raises(SystemExit):
        split.main()
    said = capsys.readouterr().err
    assert "data/given/groups.csv doesn't exist" in said and "`split.groups`" in said


def test_groups_as_wide_as_the_classes_stop_with_what_to_change(tree, capsys):
    (tree / "data/given").mkdir()
    pd.DataFrame({"file": ["a/*", "b/*", "c/*"], "patient": ["P1", "P2", "P3"]}).to_csv(
        "data/given/groups.csv", index=False
    )
    params(tree, groups="groups.csv", folds=2)
    with pytest.raises(SystemExit):
        split.main()
    said = capsys.readouterr().err
    assert "no class has a second one" in said and "Give smaller groups by `split.groups` in params.yaml" in said
    assert not (tree / "data/splits.csv").exists()
