import dataclasses

import numpy as np
import pytest

from wbc.train.head import (
    Head,
    build_head,
    count_parameters,
    folded,
    load_head,
    predict_proba,
    save_head,
    score_gradient,
    stored,
)
from wbc.train.layers import BatchNorm, Dense, Standardize
from wbc.train.params import HeadParams

STUDY = HeadParams(units=[1024, 512, 256, 128, 64], dropout=0.3, l2=0.0, standardize=False)


@pytest.fixture
def head():
    """A small head with running statistics that are not neutral."""
    random = np.random.default_rng(0)
    head = build_head(20, 3, HeadParams(units=[16, 8], dropout=0.0, l2=0.0, standardize=False), seed=1)
    layers = []
    for layer in head.layers:
        if isinstance(layer, BatchNorm):
            units = layer.mean.size
            mean, variance, beta = random.normal(size=units), random.uniform(0.5, 2, units), random.normal(size=units)
            layer = dataclasses.replace(layer, mean=mean, variance=variance, beta=beta)
        layers.append(layer)
    return Head(layers)


def test_the_original_studys_number_of_parameters():
    assert count_parameters(build_head(1280, 5, STUDY, seed=1)) == (2_017_285, 2_013_317)


def test_no_blocks_is_softmax_regression():
    assert (
        count_parameters(build_head(1280, 7, HeadParams(units=[], dropout=0.0, l2=0.0, standardize=False), seed=1))[0]
        == 1280 * 7 + 7
    )


def test_a_row_gets_the_same_bits_whatever_rows_come_with_it(head):
    features = np.random.default_rng(1).normal(size=(50, 20)).astype(np.float16)
    features[7] *= 100
    together = predict_proba(head, features)
    assert all((predict_proba(head, features[row : row + 1])[0] == together[row]).all() for row in range(50))
    assert together.sum(axis=1) == pytest.approx(1)


def test_the_order_of_the_features_changes_no_bit(head):
    random = np.random.default_rng(1)
    features, order = random.normal(size=(50, 20)), random.permutation(20)
    standardize, first, *rest = head.layers
    permuted = Head([standardize, dataclasses.replace(first, kernel=first.kernel[order]), *rest])
    assert (predict_proba(head, features) == predict_proba(permuted, features[:, order])).all()


def test_a_file_holds_the_head_rounded_to_float32_and_is_the_same_bytes_twice(head, tmp_path):
    for name in ("first.npz", "second.npz"):
        save_head(head, tmp_path / name)
    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "second.npz").read_bytes()
    loaded, rounded = load_head(tmp_path / "first.npz"), stored(head)
    for ours, theirs in zip(loaded.layers, rounded.layers, strict=True):
        assert type(ours) is type(theirs)
        assert all((a == b).all() for a, b in zip(ours.arrays, theirs.arrays, strict=True))


def test_keras_says_the_same(head):
    from wbc.export.keras_classifier import keras_head

    features = np.random.default_rng(1).normal(size=(50, 20)).astype(np.float32)
    probabilities = keras_head(head)(features, training=False).numpy()
    np.testing.assert_allclose(predict_proba(head, features), probabilities, atol=1e-4)


def test_the_gradient_is_that_of_the_logit_above_the_mean_of_all():
    params = HeadParams(units=[8, 6], dropout=0.0, l2=0.0, standardize=True)
    generator = np.random.default_rng(5)
    _, *layers, last = build_head(7, 3, params, seed=1).layers
    standardize = Standardize(generator.normal(size=7), generator.uniform(0.5, 2, 7))
    head = Head([standardize, *layers, Dense(last.kernel, generator.normal(size=3))])
    features = generator.normal(size=7)

    def above_mean(values):
        logarithms = np.log(predict_proba(head, values[None])[0])
        return logarithms[2] - logarithms.mean()

    steps = 1e-3 * np.eye(7)
    numeric = [(above_mean(features + step) - above_mean(features - step)) / 2e-3 for step in steps]
    np.testing.assert_allclose(score_gradient(head, features, 2), numeric, rtol=1e-2, atol=1e-3)


def test_the_folded_head_does_the_same_without_standardizing(head):
    random = np.random.default_rng(1)
    features = random.normal(3, 5, (40, 20))
    standardizing = Head([Standardize.fit(features), *head.layers[1:]])
    without = folded(standardizing)
    assert (without.standardize.center == 0).all() and (without.standardize.scale == 1).all()
    np.testing.assert_allclose(predict_proba(without, features), predict_proba(standardizing, features), atol=1e-4)
