import pytest

from tools.verify import IMAGES, TOLERANCE, flat, outputs, tolerance

METRICS = flat(
    {
        "accuracy": 0.9,
        "per_class": {"basophil": {"recall": 0.8, "support": 18}, "neutrophil": {"recall": 0.9, "support": 4000}},
        "images": {"test": 90},
    }
)


def test_counts_may_not_differ():
    for key in ("images.test", "per_class.basophil.support", "synthetic", "parameters.total"):
        assert tolerance(key, METRICS) == 0


def test_some_images_may_be_called_otherwise():
    assert tolerance("accuracy", METRICS) == pytest.approx(IMAGES / 90, abs=1e-3)
    assert tolerance("baseline.majority.accuracy", METRICS) == pytest.approx(IMAGES / 90, abs=1e-3)
    assert tolerance("per_class.basophil.recall", METRICS) == pytest.approx(IMAGES / 18, abs=1e-3)


def test_some_cells_may_be_called_otherwise_where_cells_count():
    metrics = METRICS | flat({"cells": {"per_class": {"basophil": {"support": 4}, "neutrophil": {"support": 36}}}})
    assert tolerance("cells.accuracy", metrics) == pytest.approx(IMAGES / 40, abs=1e-3)
    assert tolerance("cells.per_class.basophil.recall", metrics) == pytest.approx(IMAGES / 4, abs=1e-3)
    assert tolerance("per_class.basophil.recall", metrics) == pytest.approx(IMAGES / 18, abs=1e-3)


def test_of_many_images_the_share_counts():
    assert tolerance("per_class.neutrophil.recall", METRICS) == pytest.approx(TOLERANCE, abs=1e-3)


def test_outputs_of_all_stages_by_their_hash():
    lock = {"stages": {"a": {"outs": [{"path": "x", "md5": "1"}]}, "b": {"outs": [{"path": "y", "md5": "2"}]}}}
    assert outputs(lock) == {"x": "1", "y": "2"}
