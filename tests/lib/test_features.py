import hashlib

import numpy as np
import pytest
from PIL import Image

from stages.lib import backbone
from stages.lib.deterministic import keras, start
from stages.lib.errors import UserError
from stages.lib.features import write_features
from stages.lib.images import decode
from stages.lib.inference import BATCH, ahead, outputs
from stages.lib.views import Augmentation, view

ANY = Augmentation(horizontal_flip=True, vertical_flip=True, rotation=0.5, zoom=0.1, contrast=0.1)


@pytest.fixture(scope="module")
def model():
    start(1)
    return backbone.build("EfficientNetB0", 32, "random", seed=1)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder, random = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    made = []
    for number in range(25):
        file = folder / f"{number}.png"
        Image.fromarray(random.integers(256, size=(40, 50, 3), dtype=np.uint8)).save(file)
        made.append((file, hashlib.sha256(file.read_bytes()).hexdigest()))
    return made


def test_each_row_holds_its_view(model, images, tmp_path):
    write_features(tmp_path / "f.npy", images, model, 2, ANY, seed=7)
    features = np.load(tmp_path / "f.npy", allow_pickle=False)
    assert features.shape == (25, 3, 1280)
    assert features.dtype == np.float16
    file, sha256 = images[11]
    for number in range(3):
        pixels = view(decode(file)[0], number, 32, ANY, [7, int(sha256[:16], 16)])
        expected = model(pixels[None].astype(np.float32), training=False).numpy()[0]
        assert np.ptp(expected) > 0.1
        assert features[11, number].astype(np.float32) == pytest.approx(expected, rel=1e-3, abs=2e-3)  # float16


def test_an_images_features_do_not_depend_on_its_company(model, images, tmp_path):
    write_features(tmp_path / "all.npy", images, model, 2, ANY, seed=7)
    write_features(tmp_path / "some.npy", images[20:22], model, 2, ANY, seed=7)
    assert (np.load(tmp_path / "some.npy") == np.load(tmp_path / "all.npy")[20:22]).all()


def test_the_same_bytes_twice(model, images, tmp_path):
    for name in ("first.npy", "second.npy"):
        write_features(tmp_path / name, images, model, 1, ANY, seed=7)
    assert (tmp_path / "first.npy").read_bytes() == (tmp_path / "second.npy").read_bytes()


@pytest.mark.parametrize("scale", [1e6, np.nan])
def test_features_that_float16_cannot_hold_are_refused(images, tmp_path, scale):
    pooled = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.GlobalAveragePooling2D()])
    pooled.add(keras.layers.Rescaling(scale))
    with pytest.raises(UserError, match="float16"):
        write_features(tmp_path / "f.npy", images[:2], pooled, 0, ANY, seed=7)


def test_a_short_batch_gives_what_a_full_one_gives(model):
    pixels = np.random.default_rng(0).integers(256, size=(BATCH + 1, 32, 32, 3), dtype=np.uint8)
    together = list(outputs(model, pixels))
    assert [len(batch) for batch in together] == [BATCH, 1]
    (alone,) = outputs(model, pixels[:1])
    assert (alone[0] == together[0][0]).all()


def test_ahead_keeps_order_and_passes_errors_on():
    assert list(ahead(lambda item: item * 2, range(100))) == [item * 2 for item in range(100)]
    with pytest.raises(ZeroDivisionError):
        list(ahead(lambda item: 1 / item, [1, 0]))


def test_ahead_runs_only_a_little_ahead():
    started = []
    next(ahead(started.append, range(10_000)))
    assert len(started) < 1000
