import hashlib
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from wbc.embed import backbones
from wbc.embed.keras_file import save
from wbc.embed.tensorflow_setup import keras, start
from wbc.export.keras_classifier import build_classifier, keras_head
from wbc.train.head import build_head
from wbc.train.params import HeadParams


def make():
    """A small classifier, as a new process would make it: Keras numbers layers of one kind through a process."""
    keras.backend.clear_session()
    start(1)
    trunk = backbones.build(32, "random", seed=1)
    head = build_head(1280, 3, HeadParams(units=[8], dropout=0.1, l2=0.01, standardize=False), seed=1)
    return build_classifier(trunk, keras_head(head), tta_views=1, name="classifier")


@pytest.fixture(scope="module")
def model():
    return make()


def test_it_opens_with_nothing_of_ours_installed(model, tmp_path):
    """In a process that can't import `stages`, plain Keras gives the same probabilities."""
    images = np.random.default_rng(0).integers(256, size=(2, 32, 32, 3), dtype=np.uint8)
    save(model, tmp_path / "classifier.keras")
    np.save(tmp_path / "images.npy", images)
    script = """
        import keras, numpy
        model = keras.models.load_model("classifier.keras")
        numpy.save("found.npy", model.predict(numpy.load("images.npy"), verbose=0))
        trainable = sum(weight.numpy().size for weight in model.trainable_weights)
        print(model.count_params(), trainable)
    """
    run = subprocess.run(
        [sys.executable, "-I", "-c", textwrap.dedent(script)], cwd=tmp_path, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert run.stdout.split() == [str(model.count_params()), str(trainable)]
    assert np.load(tmp_path / "found.npy") == pytest.approx(model(images, training=False).numpy(), abs=1e-5)


def test_bytes_depend_on_nothing_but_the_model(model, tmp_path, monkeypatch):
    save(model, tmp_path / "first.keras")
    # Another date, and another model of the same weights at other addresses in memory.
    import datetime

    from keras.src.saving import saving_lib

    class Later(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2031, 1, 1)

    monkeypatch.setattr(saving_lib.datetime, "datetime", Later)
    save(make(), tmp_path / "second.keras")
    first, second = (
        hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in ("first.keras", "second.keras")
    )
    assert first == second
