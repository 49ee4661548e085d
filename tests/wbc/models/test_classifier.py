import numpy as np
import pytest

from wbc.models import backbones
from wbc.models.classifier import build_classifier, keras_head
from wbc.models.head import HeadParams, build_head
from wbc.models.tensorflow_setup import keras

STUDY = HeadParams(units=[1024, 512, 256, 128, 64], dropout=0.3, l2=0.0)


@pytest.fixture(scope="module")
def model():
    head = keras_head(build_head(1280, 5, STUDY, seed=1), dropout=0.3)
    return build_classifier(backbones.build("EfficientNetB0", 32, "random"), head)


def count(weights):
    return sum(int(np.prod(weight.shape)) for weight in weights)


def test_the_original_studys_number_of_parameters(model):
    assert model.count_params() == 6_066_856
    assert count(model.trainable_weights) == 2_013_317


def test_blocks_are_dense_norm_dropout():
    head = keras_head(build_head(1280, 3, HeadParams(units=[8, 4], dropout=0.2, l2=0.0), seed=1), dropout=0.2)
    assert [type(layer).__name__ for layer in head.layers] == ["Dense", "BatchNormalization", "Dropout"] * 2 + ["Dense"]
    assert [layer.units for layer in head.layers if isinstance(layer, keras.layers.Dense)] == [8, 4, 3]
    assert head.layers[2].rate == 0.2


def test_it_takes_raw_images_and_gives_probabilities(model):
    images = np.random.default_rng(0).integers(256, size=(3, 32, 32, 3), dtype=np.uint8)
    probabilities = model(images, training=False).numpy()
    assert probabilities.shape == (3, 5)
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_the_backbone_keeps_its_batch_statistics_while_the_head_trains(model):
    images = np.random.default_rng(0).integers(256, size=(8, 32, 32, 3)).astype(np.float32)
    frozen = model.get_layer("efficientnetb0")
    before = [weight.copy() for weight in frozen.get_weights()]
    model.compile("adam", "categorical_crossentropy")
    model.train_on_batch(images, np.eye(5)[[0, 1, 2, 3, 4, 0, 1, 2]])
    assert all((a == b).all() for a, b in zip(before, frozen.get_weights(), strict=True))
