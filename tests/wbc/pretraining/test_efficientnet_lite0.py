"""EfficientNet-Lite0's weights, as the package that `make lite0` installs holds them."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wbc.common.errors import UserError
from wbc.embed.tensorflow_setup import keras
from wbc.pretraining import efficientnet_lite0, torch_file

ESPRESSO, CATS = 967, [281, 282, 285]  # ImageNet's classes; the cats are tabby, tiger cat and Egyptian cat

needs_weights = pytest.mark.skipif(
    importlib.util.find_spec(efficientnet_lite0.PACKAGE) is None,
    reason="the package of EfficientNet-Lite0's weights is not installed; type `make lite0`",
)


def photograph(name):
    """A photograph of scikit-image's, as the published accuracy is measured: float32 (1, 224, 224, 3), RGB 0-255.

    The shorter side is resized to 256 px, bicubic, and the middle 224 px are cut out
    (https://huggingface.co/timm/tf_efficientnet_lite0.in1k: interpolation bicubic, crop_pct 0.875).
    """
    package = importlib.util.find_spec("skimage")
    if package is None:
        pytest.skip("the photographs come with scikit-image, which is not installed; type `make lite0`")
    image = Image.open(Path(package.origin).parent / "data" / name).convert("RGB")
    scale = 256 / min(image.size)
    image = image.resize([round(side * scale) for side in image.size], Image.Resampling.BICUBIC)
    left, top = ((side - 224) // 2 for side in image.size)
    return np.asarray(image.crop((left, top, left + 224, top + 224)), np.float32)[None]


@pytest.fixture(scope="module")
def classifier():
    model = efficientnet_lite0.graph(include_top=True, input_shape=(224, 224, 3))
    efficientnet_lite0.load_imagenet(model)
    return model


@needs_weights
def test_a_cup_of_coffee_and_a_cat_are_recognized(classifier):
    coffee, cat = (classifier(photograph(name), training=False).numpy()[0] for name in ("coffee.png", "chelsea.png"))
    assert coffee.argmax() == ESPRESSO and coffee[ESPRESSO] >= 0.9
    assert cat.argmax() in CATS and cat[CATS].sum() >= 0.85


@needs_weights
def test_every_tensor_of_the_file_is_used_once(classifier):
    tensors = torch_file.read(efficientnet_lite0._find())
    numbers = {name: array for name, array in tensors.items() if not name.endswith("num_batches_tracked")}
    ours = [
        weight for layer in classifier.layers if "normalization" not in layer.name for weight in layer.get_weights()
    ]
    assert len(ours) == len(numbers)
    # A tensor is known by its numbers, whatever their order.
    assert sorted(float(weight.astype(float).sum()) for weight in ours) == pytest.approx(
        sorted(float(array.astype(float).sum()) for array in numbers.values()), abs=1e-6
    )


@needs_weights
def test_an_efficientnetb0_gets_all_but_squeeze_and_excitation_which_lets_everything_pass(classifier):
    model = keras.applications.EfficientNetB0(include_top=False, weights=None, pooling="avg", input_shape=(64, 64, 3))
    efficientnet_lite0.load_imagenet(model)
    weighted = [layer for layer in model.layers if layer.weights]
    own = [layer for layer in weighted if "_se_" in layer.name]
    assert (len(weighted), len(own)) == (131, 32)  # and the input's normalization is the 99th that gets its weights
    for layer in set(weighted) - set(own):
        # Keras numbers the layers that have no name of their own through the whole process.
        named = layer.name.startswith(("block", "stem", "top"))
        (other,) = (
            found
            for found in classifier.layers
            if (found.name == layer.name if named else isinstance(found, keras.layers.Normalization))
        )
        expected = other.get_weights()
        assert all((ours == theirs).all() for ours, theirs in zip(layer.get_weights(), expected, strict=True))
    gate = keras.Model(model.input, model.get_layer("block4a_se_expand").output)
    gates = gate(np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype(np.float32)).numpy()
    assert gates == pytest.approx(np.full_like(gates, 1 / (1 + np.exp(-efficientnet_lite0.NEUTRAL_BIAS))))


@needs_weights
def test_the_backbone_is_frozen_and_holds_the_weights_of_the_package(classifier):
    model = efficientnet_lite0.imagenet(224)
    assert not model.trainable_weights
    names = {layer.name for layer in model.layers if layer.weights and layer.name.startswith("block")}
    for name in names:
        pairs = zip(model.get_layer(name).get_weights(), classifier.get_layer(name).get_weights(), strict=True)
        assert all((ours == theirs).all() for ours, theirs in pairs)


def test_without_the_package_it_says_what_to_type(monkeypatch):
    monkeypatch.setattr(efficientnet_lite0, "PACKAGE", "a_package_that_is_not_there")
    with pytest.raises(UserError, match="which is not installed"):
        efficientnet_lite0.load_imagenet(efficientnet_lite0.graph(pooling="avg", input_shape=(32, 32, 3)))


def test_another_file_in_the_packages_place_is_refused(tmp_path, monkeypatch):
    file = tmp_path / "another_package" / efficientnet_lite0.FILE
    file.parent.mkdir(parents=True)
    file.write_bytes(b"other weights")
    (tmp_path / "another_package/__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(efficientnet_lite0, "PACKAGE", "another_package")
    with pytest.raises(UserError, match="is not the file of EfficientNet-Lite0 weights"):
        efficientnet_lite0.load_imagenet(efficientnet_lite0.graph(pooling="avg", input_shape=(32, 32, 3)))
