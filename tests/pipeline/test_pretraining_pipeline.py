"""The pipeline of the blood backbone, tiny and on drawn cells."""

import importlib.util
import json
import zipfile

import numpy as np
import pandas as pd
import pytest

from tests.small_project import Project, stages_run
from wbc.embed import backbones
from wbc.fetch.drawn.dataset import SyntheticParams, draw_dataset
from wbc.pretraining import efficientnet_lite0
from wbc.split.near_duplicates.fingerprints import Fingerprints

STAGES = {"cells", "pretrain", "continue_training", "fingerprints", "measure", "classifier", "package", "card"}


def draw_archive(path, seed, cells, name="cells/{label}/{number:04d}.png", format="PNG"):
    """Write drawn cells as a zip; `name` is that of a cell's file in it."""
    params = SyntheticParams(seed=seed, cells_per_class=cells, copies_per_cell=1, image_size=48)
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for drawing in draw_dataset(params):
            with archive.open(name.format(label=drawing.label, number=drawing.number), "w") as file:
                drawing.image.save(file, format)


@pytest.fixture(scope="module")
def blood(fresh, tmp_path_factory):
    """The small project with drawn cells for its archives; the pipeline in pretraining/ has not run."""
    project = fresh.clone(tmp_path_factory.mktemp("blood") / "project")
    blood = Project(project.folder / "pretraining")
    draw_archive(blood.folder / "archives/pbc_cells.zip", seed=1, cells=8)
    draw_archive(blood.folder / "archives/bccd_cells.zip", seed=2, cells=6)
    draw_archive(blood.folder / "archives/raabin.zip", 3, 6, "raabin/Train/{label}/photo{number}_1.jpg", "JPEG")
    (blood.folder / "dvc.lock").unlink(missing_ok=True)
    blood.set(
        {
            "cells.train": 0.5,
            "cells.valid": 0.25,
            "pretrain.training.phases": [{"image_size": 32, "epochs": 1}],
            "pretrain.training.batch_size": 4,
            "pretrain.training.warm_up": 0.5,
            "continue_training.raabin.valid_photographs": 5,
            "continue_training.phases": [{"image_size": 32, "epochs": 1}],
            "measure.laboratories": {"bccd": "pretraining/archives/bccd_cells.zip"},
            "measure.image_size": 32,
            "measure.seeds": [1],
            "measure.study.head.units": [16],
            "measure.study.optimizer.epochs": 2,
        }
    )
    project.commit("tiny")
    return blood


@pytest.fixture(scope="module")
def made(blood):
    """The same after `dvc repro` in pretraining/."""
    if importlib.util.find_spec(efficientnet_lite0.PACKAGE) is None:
        pytest.skip("the weights that training starts from are not installed; type `make lite0`")
    assert stages_run(blood.run("dvc", "repro")) == STAGES
    return blood


def test_it_makes_the_weights_their_results_and_their_card(made):
    source = json.loads((made.folder / "cells/source.json").read_text())
    cells = pd.read_csv(made.folder / "cells/cells.csv")
    assert cells["part"].value_counts().to_dict() == {"train": 20, "valid": 10, "test": 10}
    training = json.loads((made.folder / "training.json").read_text())
    assert (training["seed"], training["best_epoch"], training["archive_sha256"]) == (1, 1, source["sha256"])
    continued = json.loads((made.folder / "continued.json").read_text())
    assert continued["cells"]["barcelona"] == {"train": 20, "valid": 10}
    assert continued["cells"]["raabin"] == {"train": 20, "valid": 10}
    before, after, mean = (
        backbones.build(32, made.folder / f"{name}.weights.h5").get_weights()
        for name in ("barcelona", "two_laboratories", "efficientnetb0")
    )
    for one, other, both in zip(before, after, mean, strict=True):
        np.testing.assert_allclose(both, (one + other) / 2, rtol=1e-3, atol=1e-6)
    assert (made.folder / "efficientnetb0.weights.h5").stat().st_size < 9e6
    assert len(Fingerprints.load(made.folder / "fingerprints.npz").codes) == 60

    results = json.loads((made.folder / "results.json").read_text())
    assert results["images"]["laboratories"] == {"bccd": dict.fromkeys(training["classes"], 6)}
    for found in results["results"].values():
        bccd = found["laboratories"]["bccd"]
        for scores in (found["pbc_test"], bccd["within"], bccd["from_pbc"]):
            assert set(scores) == {"majority", "before", "logistic_regression", "head"}
            assert all(0 <= score["accuracy"] <= 1 for score in scores.values())
            assert scores["majority"]["balanced_accuracy"] == 0.2
        assert set(bccd["from_pbc_crops"]) == {"majority", "logistic_regression", "head"}
        assert set(bccd["within"]["head"]["by_seed"]) == {"1"}

    ready = json.loads((made.folder / "classifier.json").read_text())
    assert ready["images"] == 30 and {place: found["images"] for place, found in ready["scored"].items()} == {
        "pbc_test": 10,
        "bccd": 30,
    }
    assert all(0 <= found["coverage"] <= 1 for found in ready["scored"].values())
    tried = ready["chosen"]["tried"]
    assert tried[str(ready["chosen"]["c"])]["loss"] == min(found["loss"] for found in tried.values())
    decision = json.loads((made.folder / "classifier/decision.json").read_text())
    assert decision["trained_on"] == "30 photographed cells of pbc_cells.zip"
    assert set(decision["sha256"]) == {"head.npz", "reference.npz"}
    shipped = json.loads((made.folder.parent / "wbc/predict/pretrained/decision.json").read_text())
    assert shipped["trained_on"] == decision["trained_on"]
    assert shipped["sha256"].items() > decision["sha256"].items()

    card = (made.folder / "README.md").read_text(encoding="utf-8")
    assert source["sha256"] in card and f"| {results['results']['blood']['pbc_test']['head']['accuracy']:.3f} |" in card
    assert "none of bccd" in card and "10.1016/j.dib.2020.105474" in card
    assert (made.folder / "figures/curves.svg").is_file()


def test_a_second_run_runs_nothing(made):
    assert stages_run(made.run("dvc", "repro")) == set()
    assert "up to date" in made.run("dvc", "status")


def test_another_laboratory_concerns_what_measures_and_not_the_training(made):
    """The card, which shows the settings, is written anew in any case."""
    made.set({"measure.laboratories": {}})
    status = json.loads(made.run("dvc", "status", "--json"))
    assert {name for name, found in status.items() if any("changed deps" in entry for entry in found)} == {
        "measure",
        "classifier",
        "card",
    }
