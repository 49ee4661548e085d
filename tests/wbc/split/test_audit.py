import json

import numpy as np
import pandas as pd
import pytest

from wbc.split.audit import audit
from wbc.split.given import GivenGroups, statements
from wbc.split.parts import folds, split_by_group, split_by_image

SHARES = (0.7, 0.15)


def table(*rows):
    """Rows of (label, group, image, grouped, fold) as splits.csv; an image's path is its class and its number."""
    splits = pd.DataFrame(rows, columns=["label", "photo_id", "image", "grouped", "fold"])
    paths = [f"{label}/{number}" for number, label in enumerate(splits["label"])]
    return splits.assign(path=paths, group=splits["photo_id"])


def audited(splits, pixels=None, recognized=None, excluded=None, too_doubtful=(), **given):
    """Audit a table in which, unless said otherwise, no two images are identical and the groups are what was found."""
    pixels = np.arange(len(splits)) if pixels is None else np.array(pixels)
    recognized = splits["group"].to_numpy() if recognized is None else np.array(recognized)
    excluded = [set()] * len(splits) if excluded is None else excluded
    return audit(splits, pixels, SHARES, recognized, excluded, list(too_doubtful), **given)


def ten(label, first):
    """Ten cells of one image each, divided 7 : 1 : 2 in both schemes."""
    parts = ["train"] * 7 + ["valid"] + ["test"] * 2
    return [(label, first + number, part, part, number % 2) for number, part in enumerate(parts)]


def test_classes_and_groups_are_counted():
    splits = table(*ten("a", 0), ("b", 20, "train", "train", 0), ("b", 20, "valid", "train", 0))
    found = audited(splits)
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
    assert audited(splits)["leak"] == {"image": 0.25, "grouped": 0.0}


def test_a_cell_photographed_again_is_listed_and_counts_as_a_leak():
    splits = table(("a", 0, "train", "train", 0), ("b", 1, "test", "train", 0), ("a", 2, "test", "test", 1))
    splits["group"] = [0, 0, 1]
    found = audited(splits)
    assert found["same_cell"] == [{"photo_ids": [0, 1], "labels": {"a": 1, "b": 1}, "examples": ["a/0", "b/1"]}]
    assert found["leak"] == {"image": 0.5, "grouped": 0.0}


def test_leak_without_test_images_is_undefined():
    splits = table(("a", 0, "train", "train", 0), ("a", 1, "train", "train", 1))
    assert audited(splits)["leak"] == {"image": None, "grouped": None}


def test_identical_images_are_listed_and_others_are_not():
    found = audited(table(*ten("a", 0)), [0, 1, 2, 1, 3, 4, 5, 6, 1, 4])
    assert found["exact_duplicates"] == {
        "images": 5,
        "sets": 2,
        "examples": [["a/1", "a/3", "a/8"], ["a/5", "a/9"]],
    }


def test_a_cell_under_two_labels_is_listed_by_path():
    splits = table(*ten("a", 0), *ten("b", 10)).assign(photo_id=[0, 0, *range(1, 9), 0, *range(9, 18)])
    (doubtful,) = audited(splits)["two_labels"]
    assert doubtful == {"photo_id": 0, "labels": {"a": 2, "b": 1}, "paths": ["a/0", "a/1", "b/10"]}


def test_classes_that_a_part_lacks_are_listed():
    splits = table(
        *ten("a", 0),
        *(("b", 20, part, "train", 0) for part in ("train", "train", "valid", "test")),
        *(("b", 21, part, "test", 1) for part in ("train", "train", "train", "test")),
        ("c", 30, "train", "train", 0),
    )
    found = audited(splits)
    missing = {(one["scheme"], one["label"], one["part"]): one for one in found["missing"]}
    assert set(missing) == {
        ("grouped", "b", "valid"),
        *((scheme, "c", part) for scheme in ("image", "grouped") for part in ("valid", "test")),
        ("crossval", "c", "train"),
    }
    assert missing["grouped", "b", "valid"]["groups"] == 2
    uneven = {(one["scheme"], one["label"]): (one["asked"], one["found"]) for one in found["uneven"]}
    assert uneven["grouped", "b"] == ([0.7, 0.15, 0.15], [0.5, 0.0, 0.5])


def test_a_class_divided_as_asked_is_not_called_uneven():
    parts = ["train"] * 14 + ["valid"] * 3 + ["test"] * 3
    splits = table(*(("a", number, part, part, number % 2) for number, part in enumerate(parts)))
    found = audited(splits)
    assert found["uneven"] == found["missing"] == found["two_labels"] == found["largest_groups"] == []


def test_only_the_largest_ten_groups_are_listed_largest_first():
    sizes = [2, 5, 3, *range(4, 16)]
    splits = table(*(("a", group, "train", "train", 0) for group, size in enumerate(sizes) for _ in range(size)))
    largest = audited(splits)["largest_groups"]
    assert [group["images"] for group in largest] == list(range(15, 5, -1))
    assert all(len(group["examples"]) == min(8, group["images"]) for group in largest)


def test_a_class_without_a_group_of_its_own_is_named_with_the_images_it_shares():
    splits = table(*ten("monocyte", 0), *ten("neutrophil", 10), ("promonocyte", 3, "train", "train", 1))
    content = audited(splits)
    assert content["without_own_group"] == [
        {
            "label": "promonocyte",
            "images": 1,
            "counted_as": {"monocyte": 1},
            "examples": ["promonocyte/20", "monocyte/3"],
        }
    ]


def test_excluded_images_are_counted():
    splits = table(*ten("a", 0))
    content = audited(splits, excluded=[{0, 2}, {1}, *[set()] * 8], too_doubtful=["a"])
    assert content["excluded"] == {"images": 2, "too_doubtful": ["a"]}


PATIENTS = {"neutrophil": 40, "lymphocyte": 20, "monocyte": 8, "basophil": 1}  # images of each of 10 patients


@pytest.fixture
def patients():
    """Ten patients with cells of every class, and what the user gives of them; two cells have a near-duplicate each."""
    rows = [(label, patient) for patient in range(10) for label, count in PATIENTS.items() for _ in range(count)]
    labels, patient = (np.array(column) for column in zip(*rows, strict=True))
    recognized = np.arange(len(labels))
    recognized[[1, 70]] = recognized[[0, 69]]  # of one neutrophil of patients 0 and 1
    splits = pd.DataFrame(
        {
            "path": [f"{label}/{number}" for number, label in enumerate(labels)],
            "label": labels,
            "photo_id": recognized,
            "group": patient,
            "image": split_by_image(labels, SHARES, 1),
            "grouped": split_by_group(labels, patient, SHARES, 1, given=np.ones(len(labels), bool)),
            "fold": folds(labels, patient, 5, 1),
        }
    )
    given = GivenGroups(pd.DataFrame({"patient": [f"P{number}" for number in patient]}), [])
    return splits, recognized, given


def test_classes_of_one_patient_are_no_near_duplicates(patients):
    splits, recognized, given = patients
    facts = statements(given, splits["path"].tolist(), splits["label"].tolist())
    content = audited(splits, recognized=recognized, given=facts, given_groups=given.numbers)
    assert content["without_own_group"] == content["two_labels"] == content["missing"] == []
    assert content["groups"] == 10 and content["classes"]["basophil"] == {
        "images": 10,
        "groups": 10,
        "largest_group": 1,
    }
    assert content["shared_groups"] == {"image": 1.0, "grouped": 0.0}
    assert content["leak"]["image"] <= 2 / 105 and content["leak"]["grouped"] == 0


def test_a_class_that_is_found_among_anothers_near_duplicates_is_named_with_patients_too(patients):
    splits, recognized, given = patients
    rare = np.flatnonzero(splits["label"] == "basophil")
    recognized[rare - 50] = recognized[rare - 60]
    recognized[rare] = recognized[rare - 60]
    facts = statements(given, splits["path"].tolist(), splits["label"].tolist())
    content = audited(splits, recognized=recognized, given=facts, given_groups=given.numbers)
    (entry,) = content["without_own_group"]
    assert entry["label"] == "basophil" and set(entry["counted_as"]) == {"neutrophil"}


def test_a_leak_that_was_found_and_one_that_was_given_are_told_apart():
    parts = ["train", "train", "test", "test", "test"]
    splits = table(*(("a", number, part, part, 0) for number, part in enumerate(parts)))
    content = audited(splits, recognized=[0, 1, 0, 3, 4], given_groups=np.array([0, 1, 2, 1, 4]))
    assert content["leak"]["image"] == content["shared_groups"]["image"] == 0.3333
    assert audited(splits)["shared_groups"] == {"image": None, "grouped": None}


def test_given_groups_are_counted_and_what_is_wrong_with_them_said():
    splits = table(*ten("a", 0), *ten("b", 10))
    csv = GivenGroups(
        pd.DataFrame({"patient": ["P1"] * 5 + ["P2"] * 14 + [""], "cell": ["c"] * 2 + [""] * 17 + ["c"]}), ["gone.jpg"]
    )
    given = statements(csv, splits["path"].tolist(), splits["label"].tolist())
    content = audited(splits, given=given, given_groups=csv.numbers)
    assert content["level"] == "patient" and content["given"]["without_files"] == ["gone.jpg"]
    kinds = content["given"]["kinds"]
    assert kinds["patient"] == {"groups": 2, "images": 19, "without": ["b/19"], "two_labels": []}
    assert kinds["cell"]["two_labels"] == [{"group": "c", "labels": {"a": 2, "b": 1}}]
    json.dumps(content, allow_nan=False)
