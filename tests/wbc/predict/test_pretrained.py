"""The pretrained classifier that the package ships, against the files it is made from."""

import hashlib

from tests.imports import ROOT
from wbc.common.params import read_yaml
from wbc.export.packaging import read_facts, read_package

SHIPPED, FITTED = ROOT / "wbc/predict/pretrained", ROOT / "pretraining/classifier"


def test_it_is_the_fitted_classifier_on_the_committed_weights():
    shipped, fitted = read_package(SHIPPED).facts, read_facts(FITTED)
    weights = (ROOT / "pretraining/efficientnetb0.weights.h5").read_bytes()
    assert shipped.weights_sha256 == hashlib.sha256(weights).hexdigest()
    assert shipped.sha256.items() > fitted.sha256.items()
    own = {"sha256", "score"}
    assert shipped.model_dump(exclude=own) == fitted.model_dump(exclude=own)


def test_its_backbone_is_that_of_the_default_run():
    """So features that a run has computed and those that it computes are the same."""
    embed, facts = read_yaml(ROOT / "params.yaml")["embed"], read_facts(SHIPPED)
    assert (embed["weights"], embed["image_size"], embed["tta_views"]) == ("blood", facts.image_size, facts.tta_views)
