"""The pretrained classifier that the package ships, against the files it is made from."""

import hashlib
import subprocess
import sys

import pytest
from PIL import Image

from tests.imports import ROOT
from tests.pipeline.test_real_images import DATA
from wbc import Classifier
from wbc.common.params import read_yaml
from wbc.embed.weights import BLOOD_SHA256
from wbc.export.packaging import FINGERPRINTS, read_facts, read_package
from wbc.fetch.drawn.dataset import SyntheticParams, draw_dataset
from wbc.predict.classifier import recognizer
from wbc.split.near_duplicates.fingerprints import Fingerprints

SHIPPED, FITTED = ROOT / "wbc/predict/pretrained", ROOT / "pretraining/classifier"


def test_it_is_the_fitted_classifier_on_the_committed_weights():
    shipped, fitted = read_package(SHIPPED).facts, read_facts(FITTED)
    weights = (ROOT / "pretraining/efficientnetb0.weights.h5").read_bytes()
    assert shipped.weights_sha256 == hashlib.sha256(weights).hexdigest()
    assert shipped.sha256.items() > fitted.sha256.items()
    own = {"sha256", "score"}
    assert shipped.model_dump(exclude=own) == fitted.model_dump(exclude=own)


def test_it_recognizes_the_cells_that_trained_its_backbone(monkeypatch, tmp_path):
    """The stage `split` compares with the same fingerprints; here, drawn cells take the place of photographed ones."""
    assert (SHIPPED / FINGERPRINTS).read_bytes() == (ROOT / "pretraining/fingerprints.npz").read_bytes()
    assert read_facts(SHIPPED).weights_sha256 == BLOOD_SHA256
    assert recognizer(None) is None and recognizer("0" * 64) is None
    drawn = [
        drawing.image
        for drawing in draw_dataset(SyntheticParams(seed=3, cells_per_class=4, copies_per_cell=1, image_size=128))
    ]
    files = [tmp_path / f"{number}.png" for number in range(10)]
    for file, image in zip(files, drawn, strict=False):
        image.save(file)
    monkeypatch.setattr(Fingerprints, "load", lambda _: Fingerprints.of(files))
    seen = [drawn[0].transpose(Image.Transpose.FLIP_LEFT_RIGHT), drawn[9].resize((90, 90)), *drawn[10:14]]
    assert [one.overlap for one in Classifier.pretrained().predict(seen)] == [True, True, False, False, False, False]


@pytest.mark.skipif(not (DATA / "bccd_cells.zip").is_file(), reason=f"bccd_cells.zip is not in {DATA}")
def test_no_cell_of_another_laboratory_is_taken_for_one():
    assert not any(one.overlap for one in Classifier.pretrained().predict(DATA / "bccd_cells.zip"))


def test_its_backbone_is_that_of_the_default_run():
    """So features that a run has computed and those that it computes are the same."""
    embed, facts = read_yaml(ROOT / "params.yaml")["embed"], read_facts(SHIPPED)
    assert (embed["weights"], embed["image_size"], embed["tta_views"]) == ("blood", facts.image_size, facts.tta_views)


def test_one_prediction_imports_nothing_that_takes_long(tmp_path):
    """Each of these takes a good part of a second to import, and a prediction needs none."""
    slow = {"dvc", "keras", "matplotlib", "pandas", "scipy", "sklearn", "tensorflow"}
    Image.new("RGB", (90, 90), "purple").save(tmp_path / "cell.png")
    code = (
        "import sys; from wbc import cli; cli.main(sys.argv[1:4]); "
        f"print('imported:', sorted({slow!r} & sys.modules.keys()))"
    )
    command = [sys.executable, "-c", code, "predict", tmp_path / "cell.png", f"--output={tmp_path / 'cell.csv'}"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "imported: []"
