import subprocess
import sys

import numpy as np
import pytest

from stages.lib import engines
from stages.lib.deterministic import keras, start, tf


@pytest.fixture(scope="module")
def backbone():
    start(1)
    image = keras.Input((32, 32, 3))
    found = keras.layers.Conv2D(6, 3, activation="swish")(keras.layers.Rescaling(1 / 255)(image))
    return keras.Model(image, keras.layers.GlobalAveragePooling2D()(found))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(256, size=(50, 32, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", ["tensorflow", "openvino"])
def test_every_engine_gives_what_keras_gives_in_order(backbone, images, name):
    forward = engines.build(name, backbone).load()
    features = np.concatenate(list(forward(iter(images))))
    assert features.dtype == np.float32
    expected = backbone(images.astype(np.float32), training=False).numpy()
    assert np.ptp(expected, axis=0).min() > 1e-3
    assert features == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", ["tensorflow", "openvino"])
def test_company_and_cores_change_no_bit(backbone, images, name, monkeypatch):
    forward = engines.build(name, backbone).load()
    alone = next(iter(forward(images[7:8])))
    together = np.concatenate(list(forward(images)))
    assert (together[7] == alone[0]).all()
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    by_one = np.concatenate(list(engines.build(name, backbone).load()(images)))
    assert (by_one == together).all()


def test_an_engine_can_be_used_twice(backbone, images):
    forward = engines.build("openvino", backbone).load()
    first, second = (np.concatenate(list(forward(images))) for _ in range(2))
    assert (first == second).all()
    assert list(forward([])) == []


def test_auto_is_tensorflow_where_there_is_a_gpu(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    assert engines.choose("auto") == "openvino"
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["GPU:0"])
    assert engines.choose("auto") == "tensorflow"
    assert engines.choose("openvino") == "openvino"


def test_another_weight_or_engine_is_another_identity(backbone):
    found = engines.identity("openvino", backbone)
    assert found == engines.identity("openvino", backbone)
    assert found != engines.identity("tensorflow", backbone)
    weights = backbone.get_weights()
    backbone.set_weights([weights[0] + 1e-6, *weights[1:]])
    assert found != engines.identity("openvino", backbone)
    backbone.set_weights(weights)


def test_openvino_reports_nothing_to_its_makers():
    """Its package of telemetry would send what is used to a server; it must not even be loaded."""
    code = (
        "import sys; from stages.lib.engines import Engine\n"
        "try: Engine('openvino', b'no graph', 32).load()\n"
        "except RuntimeError: pass\n"
        "assert 'openvino' in sys.modules\n"
        "assert not [name for name, module in sys.modules.items() if name.startswith('openvino_telemetry') and module]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
