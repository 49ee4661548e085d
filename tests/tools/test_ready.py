"""The classifier of photographed cells that comes with the project, as a new user gets it."""

import json
import shutil

import pytest
from PIL import Image

from tests.imports import ROOT
from tools import ready
from wbc.predict.classifier import Classifier

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder with what the repository holds of it."""
    root = tmp_path_factory.mktemp("ready")
    shutil.copytree(ROOT / ready.PACKED, root / ready.PACKED)
    for file in (ready.WEIGHTS, ready.SCORES):
        shutil.copyfile(ROOT / file, root / file)
    return root


def test_it_is_put_together_and_answers(project, monkeypatch, capsys):
    monkeypatch.chdir(project)
    ready.main()
    assert "photographed cells of pbc_cells.zip" in capsys.readouterr().out
    classifier = Classifier("models/pretrained")
    assert classifier.caution == "" and classifier.size == 128
    Image.new("RGB", (90, 90), "white").save("white.png")
    (white,) = classifier.predict(["white.png"])
    assert white.reason == "out of distribution"
    assert classifier.facts.score == "balanced accuracy 1.00 on its own laboratory, 0.83 on BCCD, another laboratory"
    ready.main()  # a second time takes the place of the first


@pytest.mark.parametrize("name", ["classifier/head.npz", "efficientnetb0.weights.h5"])
def test_a_file_that_does_not_belong_to_it_is_refused(project, monkeypatch, capsys, name):
    monkeypatch.chdir(project)
    file = project / "pretraining" / name
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    try:
        with pytest.raises(SystemExit):
            ready.main()
    finally:
        file.write_bytes(whole)
    said = capsys.readouterr().err
    assert name in said and "`git checkout pretraining`" in said


def test_its_backbone_is_that_of_the_default_run():
    """So features that a run has computed and those that it computes are the same."""
    params = (ROOT / "params.yaml").read_text(encoding="utf-8")
    facts = json.loads((ROOT / ready.PACKED / "decision.json").read_text(encoding="utf-8"))
    assert "weights: blood " in params and f"image_size: {facts['image_size']} " in params
    assert f"tta_views: {facts['test_views']} " in params
