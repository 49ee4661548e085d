import hashlib
import http.server
import shutil
import threading

import numpy as np
import pytest

from wbc.common.errors import UserError
from wbc.embed import backbones
from wbc.embed.tensorflow_setup import keras

SIZE = 32


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """A stand-in for Keras' ImageNet file: the same layout (legacy .h5, normalization included), other numbers."""
    keras.utils.set_random_seed(5)
    # The rescaling layer that weights="imagenet" adds has no weights, so the layout is the same.
    model = keras.applications.EfficientNetB0(include_top=False, weights=None, name="efficientnetb0")
    random = np.random.default_rng(5)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.set_weights([np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225]), np.array(0)])
        elif isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()])
    path = tmp_path_factory.mktemp("official") / "efficientnetb0_notop.h5"
    import h5py
    from keras.src.legacy.saving import legacy_h5_format

    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)
    return path


@pytest.fixture
def keras_home(official, tmp_path, monkeypatch):
    """An empty Keras cache folder, with Keras and us expecting the stand-in's hash."""
    from keras.src.applications import efficientnet

    md5 = hashlib.md5(official.read_bytes()).hexdigest()
    monkeypatch.setitem(efficientnet.WEIGHTS_HASHES, "b0", ("", md5))
    monkeypatch.setattr(backbones, "IMAGENET_MD5", md5)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    # Keras reads $KERAS_HOME once, when it is imported.
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path))
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def pixels(count=2):
    return np.random.default_rng(0).integers(256, size=(count, SIZE, SIZE, 3)).astype(np.float32)


def features(model):
    return model(pixels(), training=False).numpy()


def keras_own():
    return keras.applications.EfficientNetB0(
        include_top=False, weights="imagenet", pooling="avg", input_shape=(SIZE, SIZE, 3)
    )


def test_imagenet_from_the_cache_equals_keras_own(official, keras_home):
    shutil.copy(official, keras_home)
    ours = backbones.build(SIZE, "imagenet")
    expected = features(keras_own())
    assert (features(ours) == expected).all()
    assert np.ptp(expected) > 0
    assert not ours.trainable_weights


def test_imagenet_as_a_start_for_training_equals_keras_own(official, keras_home):
    """The graph has no second rescaling, so the rounding is another."""
    shutil.copy(official, keras_home)
    ours = keras.applications.EfficientNetB0(
        include_top=False, weights=None, pooling="avg", input_shape=(SIZE, SIZE, 3)
    )
    backbones.load_keras_imagenet(ours)
    expected = features(keras_own())
    assert features(ours) == pytest.approx(expected, abs=1e-4 * float(np.abs(expected).max()))
    assert ours.trainable_weights


def test_imagenet_downloaded_equals_keras_own(official, keras_home, monkeypatch):
    from keras.src.applications import efficientnet

    def handler(*args):
        return http.server.SimpleHTTPRequestHandler(*args, directory=official.parent)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(efficientnet, "BASE_WEIGHTS_PATH", f"http://127.0.0.1:{server.server_port}/")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        ours = backbones.build(SIZE, "imagenet")
        server.shutdown()
    assert (keras_home / "efficientnetb0_notop.h5").read_bytes() == official.read_bytes()
    assert (features(ours) == features(keras_own())).all()


def test_a_cached_file_of_another_hash_is_kept_and_named(keras_home):
    other = keras_home / "efficientnetb0_notop.h5"
    other.write_bytes(b"a file of the user's own")
    with pytest.raises(UserError, match="Nothing was changed"):
        backbones.build(SIZE, "imagenet")
    assert other.read_bytes() == b"a file of the user's own"


def test_without_network_or_cache_it_says_what_to_do(keras_home, monkeypatch):
    from keras.src.applications import efficientnet

    monkeypatch.setattr(efficientnet, "BASE_WEIGHTS_PATH", "http://127.0.0.1:9/")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(UserError) as error:
        backbones.build(SIZE, "imagenet")
    assert str(keras_home) in str(error.value)
    assert "put it there (MD5" in str(error.value)


def test_the_imagenet_file_by_its_path_is_refused(official, keras_home):
    """It would load without an error and give other features than weights="imagenet"."""
    with pytest.raises(UserError, match="Ask for the weights `imagenet` instead"):
        backbones.build(SIZE, official)


def test_weights_by_path_give_the_saved_models_features(tmp_path):
    saved = backbones.build(SIZE, "random", seed=3)
    saved.save_weights(tmp_path / "own.weights.h5")
    loaded = backbones.build(SIZE, tmp_path / "own.weights.h5")
    assert loaded.output_shape == (None, 1280)
    assert (features(loaded) == features(saved)).all()


def test_a_loaded_normalization_takes_effect(tmp_path):
    """Keras applies a Normalization layer's loaded mean and variance only after `finalize_state`."""
    plain = backbones.build(SIZE, "random", seed=3)
    before = features(plain)
    normalization = next(layer for layer in plain.layers if isinstance(layer, keras.layers.Normalization))
    normalization.set_weights([np.full(3, 0.5), np.full(3, 0.1), np.array(0)])
    plain.save_weights(tmp_path / "own.weights.h5")
    loaded = backbones.build(SIZE, tmp_path / "own.weights.h5")
    assert np.abs(features(loaded) - before).max() > 1e-3


def test_random_weights_come_from_the_seed():
    first, again, other = (backbones.build(SIZE, "random", seed=seed) for seed in (1, 1, 2))
    assert all((a == b).all() for a, b in zip(first.get_weights(), again.get_weights(), strict=True))
    assert np.abs(features(first) - features(other)).max() > 0.1


def test_random_features_have_a_scale_that_float16_can_hold():
    found = features(backbones.build(SIZE, "random", seed=1))
    assert 0.01 < found.std() < 10


def test_files_that_are_no_such_weights_are_refused(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        backbones.build(SIZE, tmp_path / "missing.weights.h5")
    text = tmp_path / "text.weights.h5"
    text.write_text("not HDF5")
    with pytest.raises(UserError, match="does not hold the weights"):
        backbones.build(SIZE, text)
    small = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    small.save_weights(tmp_path / "small.weights.h5")
    with pytest.raises(UserError, match="does not hold the weights"):
        backbones.build(SIZE, tmp_path / "small.weights.h5")
    broken = keras.applications.EfficientNetB0(
        include_top=False, weights=None, pooling="avg", input_shape=(SIZE, SIZE, 3)
    )
    broken.set_weights([weight * np.nan for weight in broken.get_weights()])
    broken.save_weights(tmp_path / "nan.weights.h5")
    with pytest.raises(UserError, match="not finite"):
        backbones.build(SIZE, tmp_path / "nan.weights.h5")
