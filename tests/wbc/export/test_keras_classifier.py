import numpy as np
import pytest

from wbc.embed import backbones
from wbc.embed.keras_file import save
from wbc.embed.tensorflow_setup import keras
from wbc.embed.views import orientations
from wbc.export.keras_classifier import build_classifier, keras_ensemble, keras_head
from wbc.train.head import Head, build_head, count_parameters, mean_probabilities, predict_proba
from wbc.train.layers import Standardize
from wbc.train.params import HeadParams

STUDY = HeadParams(units=[1024, 512, 256, 128, 64], dropout=0.3, l2=0.0, standardize=False)


@pytest.fixture(scope="module")
def model():
    head = keras_head(build_head(1280, 5, STUDY, seed=1), dropout=0.3)
    return build_classifier(backbones.build(32, "random"), head, tta_views=1, name="study")


def count(weights):
    return sum(int(np.prod(weight.shape)) for weight in weights)


def test_the_original_studys_number_of_parameters(model):
    assert model.count_params() == 6_066_856
    assert count(model.trainable_weights) == 2_013_317


def test_blocks_are_dense_norm_dropout():
    head = keras_head(
        build_head(1280, 3, HeadParams(units=[8, 4], dropout=0.2, l2=0.0, standardize=False), seed=1), dropout=0.2
    )
    _, *layers = head.layers  # the first is the input
    assert [type(layer).__name__ for layer in layers] == ["Dense", "BatchNormalization", "Dropout"] * 2 + ["Dense"]
    assert [layer.units for layer in head.layers if isinstance(layer, keras.layers.Dense)] == [8, 4, 3]
    assert layers[2].rate == 0.2


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


@pytest.fixture(scope="module")
def backbone():
    image = keras.Input((8, 8, 3))
    features = keras.layers.Flatten()(keras.layers.Conv2D(4, 3)(image))
    return keras.Model(image, features, name="backbone")


def test_all_orientations_are_averaged_without_a_weight_more_and_survive_the_file(backbone, tmp_path):
    head = keras_head(build_head(144, 3, HeadParams(units=[], dropout=0, l2=0, standardize=False), seed=1))
    model = build_classifier(backbone, head, tta_views=8, name="classifier")
    assert model.count_params() == backbone.count_params() + head.count_params()
    images = np.random.default_rng(0).integers(256, size=(3, 8, 8, 3)).astype(np.uint8)
    features = np.mean(
        [backbone(np.stack(turned)).numpy() for turned in zip(*map(orientations, images), strict=True)], axis=0
    )
    expected = head(features).numpy()
    save(model, tmp_path / "model.keras")
    for classifier in (model, keras.models.load_model(tmp_path / "model.keras", compile=False)):
        assert classifier(images).numpy() == pytest.approx(expected, abs=1e-4)


def test_the_statistics_of_the_inputs_are_part_of_the_first_kernel(backbone):
    random = np.random.default_rng(0)
    features = random.normal(3, 5, (40, 144))
    for units in ([], [8]):
        params = HeadParams(units=units, dropout=0.0, l2=0.0, standardize=True)
        head = Head([Standardize.fit(features), *build_head(144, 3, params, seed=1).layers[1:]])
        model = keras_head(head)
        assert model.count_params() == count_parameters(head)[0]
        assert model(features.astype(np.float32)).numpy() == pytest.approx(predict_proba(head, features), abs=1e-4)


@pytest.mark.parametrize("units", [[], [8], [16, 8]])
def test_an_ensemble_is_the_mean_of_its_heads_with_all_their_weights(units):
    random = np.random.default_rng(0)
    features = random.normal(3, 5, (40, 144))
    params = HeadParams(units=units, dropout=0.0, l2=0.0, standardize=True)
    heads = [
        Head([Standardize.fit(features + seed), *build_head(144, 3, params, seed).layers[1:]]) for seed in range(4)
    ]
    model = keras_ensemble(heads)
    assert model.count_params() == sum(count_parameters(head)[0] for head in heads)
    expected = mean_probabilities(heads, features)
    assert model(features.astype(np.float32)).numpy() == pytest.approx(expected, abs=1e-4)
