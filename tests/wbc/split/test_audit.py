import json

import numpy as np
import pandas as pd

from wbc.split.audit import audit, summary
from wbc.split.given import GivenGroups, statements

SHARES = (0.7, 0.15)


def table(*rows):
    """Rows of (label, group, image, grouped, fold) as splits.csv; an image's path is its class and its number."""
    splits = pd.DataFrame(rows, columns=["label", "photo_id", "image", "grouped", "fold"])
    paths = [f"{label}/{number}" for number, label in enumerate(splits["label"])]
    return splits.assign(path=paths, group=splits["photo_id"], withheld="")


def ten(label, first):
    """Ten cells of one image each, divided 7 : 1 : 2 in both protocols."""
    parts = ["train"] * 7 + ["valid"] + ["test"] * 2
    return [(label, first + number, part, part, number % 2) for number, part in enumerate(parts)]


def test_classes_and_groups_are_counted():
    splits = table(*ten("a", 0), ("b", 20, "train", "train", 0), ("b", 20, "valid", "train", 0))
    found = audit(splits, np.arange(12), SHARES, splits["group"].to_numpy())
    assert (found["images"], found["groups"]) == (12, 11)
    assert found["classes"] == {
        "a": {"images": 10, "groups": 10, "largest_group": 1},
        "b": {"images": 2, "groups": 1, "largest_group": 2},
    }
    assert found["largest_groups"] == [{"photo_id": 20, "label": "b", "images": 2, "examples": ["b/10", "b/11"]}]
    assert found["sources"]["image"] == {
        "train": {"a": 7, "b": 1},
        "valid": {"a": 1, "b": 1},
        "test": {"a": 2, "b": 0},
    }
    json.dumps(found, allow_nan=False)  # plain numbers, no NumPy


def test_leak_is_the_share_of_test_images_whose_cell_was_trained_on():
    cells = [(0, "train", "train"), (0, "test", "train"), (1, "test", "test"), (1, "test", "test"), (2, "test", "test")]
    splits = table(*(("a", group, image, grouped, 0) for group, image, grouped in cells))
    assert audit(splits, np.arange(5), SHARES, splits["group"].to_numpy())["leak"] == {"image": 0.25, "grouped": 0.0}


def test_a_cell_photographed_again_is_listed_and_counts_as_a_leak():
    splits = table(("a", 0, "train", "train", 0), ("b", 1, "test", "train", 0), ("a", 2, "test", "test", 1))
    splits["group"] = [0, 0, 1]
    found = audit(splits, np.arange(3), SHARES, splits["group"].to_numpy())
    assert found["same_cell"] == [{"photo_ids": [0, 1], "labels": {"a": 1, "b": 1}, "examples": ["a/0", "b/1"]}]
    assert found["leak"] == {"image": 0.5, "grouped": 0.0}
    assert any("2 sets seem to show 1 cell" in line for line in summary(found))


def test_leak_without_test_images_is_undefined():
    splits = table(("a", 0, "train", "train", 0), ("a", 1, "train", "train", 1))
    assert audit(splits, np.arange(2), SHARES, splits["group"].to_numpy())["leak"] == {"image": None, "grouped": None}


def test_identical_images_are_listed_and_others_are_not():
    found = audit(table(*ten("a", 0)), np.array([0, 1, 2, 1, 3, 4, 5, 6, 1, 4]), SHARES, np.arange(10))
    assert found["exact_duplicates"] == {
        "images": 5,
        "sets": 2,
        "examples": [["a/1", "a/3", "a/8"], ["a/5", "a/9"]],
    }


def test_a_cell_under_two_labels_is_listed_by_path():
    splits = table(*ten("a", 0), *ten("b", 10)).assign(photo_id=[0, 0, *range(1, 9), 0, *range(9, 18)])
    (doubtful,) = audit(splits, np.arange(20), SHARES, splits["group"].to_numpy())["two_labels"]
    assert doubtful == {"photo_id": 0, "labels": {"a": 2, "b": 1}, "paths": ["a/0", "a/1", "b/10"]}
    assert "one cell under 2 labels (a 2, b 1): a/0, a/1, b/10" in "\n".join(
        summary(audit(splits, np.arange(20), SHARES, splits["group"].to_numpy()))
    )


def test_what_cannot_be_had_is_said_with_its_reason():
    splits = table(
        *ten("a", 0),
        *(("b", 20, part, "train", 0) for part in ("train", "train", "valid", "test")),
        *(("b", 21, part, "test", 1) for part in ("train", "train", "train", "test")),
        ("c", 30, "train", "train", 0),
    )
    found = audit(splits, np.arange(19), SHARES, splits["group"].to_numpy())
    missing = {(one["protocol"], one["label"], one["part"]): one for one in found["missing"]}
    assert set(missing) == {
        ("grouped", "b", "valid"),
        *((protocol, "c", part) for protocol in ("image", "grouped") for part in ("valid", "test")),
        ("crossval", "c", "train"),
    }
    assert missing["grouped", "b", "valid"]["groups"] == 2
    assert "2 groups (largest: 4 images), which stay whole" in missing["grouped", "b", "valid"]["reason"]
    assert "it has 1 image, so its recall can't be measured" in missing["image", "c", "test"]["reason"]
    printed = "\n".join(summary(found))
    assert "no image of b is in the valid part" in printed
    assert "of b are divided 50 / 0 / 50 % instead of 70 / 15 / 15 %" in printed


def test_a_class_divided_as_asked_is_not_called_uneven():
    parts = ["train"] * 14 + ["valid"] * 3 + ["test"] * 3
    splits = table(*(("a", number, part, part, number % 2) for number, part in enumerate(parts)))
    found = audit(splits, np.arange(20), SHARES, splits["group"].to_numpy())
    assert found["uneven"] == found["missing"] == found["two_labels"] == found["largest_groups"] == []


def test_only_the_largest_ten_groups_are_listed_largest_first():
    sizes = [2, 5, 3, *range(4, 16)]
    splits = table(*(("a", group, "train", "train", 0) for group, size in enumerate(sizes) for _ in range(size)))
    largest = audit(splits, np.arange(len(splits)), SHARES, np.arange(len(splits)))["largest_groups"]
    assert [group["images"] for group in largest] == list(range(15, 5, -1))
    assert all(len(group["examples"]) == min(8, group["images"]) for group in largest)


def test_a_class_without_a_group_of_its_own_is_named_with_the_images_it_shares():
    splits = table(*ten("monocyte", 0), *ten("neutrophil", 10), ("promonocyte", 3, "train", "train", 1))
    content = audit(splits, np.arange(21), SHARES, splits["group"].to_numpy())
    assert content["without_own_group"] == [
        {
            "label": "promonocyte",
            "images": 1,
            "counted_as": {"monocyte": 1},
            "examples": ["promonocyte/20", "monocyte/3"],
        }
    ]
    said = "\n".join(summary(content))
    assert "promonocyte has no group of its own" in said
    assert "not estimable" in said


def test_given_groups_are_counted_and_what_is_wrong_with_them_said():
    splits = table(*ten("a", 0), *ten("b", 10))
    csv = GivenGroups(
        pd.DataFrame({"patient": ["P1"] * 5 + ["P2"] * 14 + [""], "cell": ["c"] * 2 + [""] * 17 + ["c"]}), ["gone.jpg"]
    )
    given = statements(csv, splits["path"].tolist(), splits["label"].tolist())
    content = audit(splits, np.arange(20), SHARES, splits["photo_id"].to_numpy(), given)
    assert content["level"] == "patient"
    said = "\n".join(summary(content))
    assert "20 images show 20 patients" in said  # counted are the groups of splits.csv
    assert "2 patients given, of 19 images" in said
    assert "images without a patient, such as b/19" in said
    assert "the cell c stands under 2 labels (a 2, b 1)" in said
    assert "the patient P2 stands under" not in said, "a patient has cells of every class"
    assert "files that are not there: gone.jpg" in said
    json.dumps(content, allow_nan=False)
