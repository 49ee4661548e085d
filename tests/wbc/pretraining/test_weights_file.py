import time

import h5py
import numpy as np
import pytest

from tests.imports import ROOT
from wbc.embed import backbones
from wbc.embed.tensorflow_setup import keras
from wbc.pretraining.weights_file import save_float16

SIZE = 32
# Of the input; float16 has none of these numbers.
MEAN = np.array([0.4981, 0.4983, 0.4987], np.float32)
VARIANCE = np.array([0.2521, 0.2523, 0.2527], np.float32)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """(the model, its features before it was written, the file)."""
    path = tmp_path_factory.mktemp("weights") / "own.weights.h5"
    # Of an untrained backbone, a rounded weight may change anything; so trained ones, which are rounded, are disturbed.
    model = backbones.build(SIZE, ROOT / "pretraining/efficientnetb0.weights.h5")
    random = np.random.default_rng(3)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.set_weights([MEAN, VARIANCE, np.array(0)])
            layer.finalize_state()
        else:
            layer.set_weights([weight * random.normal(1, 1e-3, weight.shape) for weight in layer.get_weights()])
    before = features(model)
    save_float16(model, path)
    return model, before, path


def features(model):
    pixels = np.random.default_rng(0).integers(256, size=(4, SIZE, SIZE, 3)).astype(np.float32)
    return model(pixels, training=False).numpy()


def test_it_is_small_enough_for_git(written):
    assert written[2].stat().st_size <= 9e6


def test_keras_loads_it_as_float32_and_gives_what_was_measured(written):
    model, before, path = written
    loaded = backbones.build(SIZE, path)
    assert {weight.dtype for layer in loaded.layers for weight in layer.weights} <= {"float32", "int32", "int64"}
    # What the model in memory gives after saving is what the file gives ...
    assert (features(loaded) == features(model)).all()
    # ... and near what it gave before: a float16 has 11 bits.
    assert 0 < np.abs(features(loaded) - before).max() < 0.01 * np.abs(before).max()


def test_the_inputs_mean_and_variance_keep_all_their_bits(written):
    with h5py.File(written[2]) as file:
        kept = {name: file["layers/normalization/vars"][name][()] for name in file["layers/normalization/vars"]}
        halved = file["layers/conv2d/vars/0"]
        assert halved.dtype == np.float16
    assert (kept["0"] == MEAN).all()
    assert (kept["1"] == VARIANCE).all()


def test_the_same_weights_give_the_same_bytes_at_another_time(written, tmp_path):
    time.sleep(1.1)  # HDF5 keeps times in whole seconds
    save_float16(written[0], tmp_path / "again.weights.h5")
    assert (tmp_path / "again.weights.h5").read_bytes() == written[2].read_bytes()


def test_a_weight_beyond_float16_stops_and_leaves_no_file(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.set_weights([np.array([[1.0], [1e6]]), np.zeros(1)])
    with np.errstate(over="ignore"), pytest.raises(ValueError, match="beyond what float16 holds"):
        save_float16(model, tmp_path / "own.weights.h5")
    assert list(tmp_path.iterdir()) == []
