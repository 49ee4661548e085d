import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.imports import code_of
from wbc.common.errors import UserError
from wbc.embed import engines
from wbc.embed.tensorflow_setup import keras, start, tf


@pytest.fixture(scope="module")
def backbone():
    start(1)
    image = keras.Input((32, 32, 3))
    found = keras.layers.Conv2D(6, 3, activation="swish")(keras.layers.Rescaling(1 / 255)(image))
    return keras.Model(image, keras.layers.GlobalAveragePooling2D()(found))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(256, size=(50, 32, 32, 3), dtype=np.uint8)


@pytest.fixture(params=["tensorflow", "openvino"])
def name(request):
    return request.param


def test_every_engine_gives_what_keras_gives_in_order(backbone, images, name):
    forward = engines.build(name, backbone).load()
    features = np.concatenate(list(forward(iter(images))))
    assert features.dtype == np.float32
    expected = backbone(images.astype(np.float32), training=False).numpy()
    assert np.ptp(expected, axis=0).min() > 1e-3
    # bfloat16 has a mantissa of 8 bits, which shows: it is not float32 under another name.
    near = 2e-2 if name == "openvino-bfloat16" else 1e-5
    assert features == pytest.approx(expected, abs=near)
    assert (np.abs(features - expected).max() > 1e-5) == (name == "openvino-bfloat16")


def test_company_and_cores_change_no_bit(backbone, images, name, monkeypatch):
    forward = engines.build(name, backbone).load()
    alone = next(iter(forward(images[7:8])))
    together = np.concatenate(list(forward(images)))
    assert (together[7] == alone[0]).all()
    monkeypatch.setattr("joblib.cpu_count", lambda: 1)
    by_one = np.concatenate(list(engines.build(name, backbone).load()(images)))
    assert (by_one == together).all()


def test_a_backbone_is_converted_to_the_same_bytes_after_other_work(backbone, name):
    first = engines.build(name, backbone).content
    with tf.GradientTape() as tape:
        tape.watch(images := tf.zeros((1, 32, 32, 3)))
        backbone(images)
    assert engines.build(name, backbone).content == first


def test_an_engine_can_be_used_twice(backbone, images, name):
    forward = engines.build(name, backbone).load()
    first, second = (np.concatenate(list(forward(images))) for _ in range(2))
    assert (first == second).all()
    assert list(forward([])) == []


def test_a_call_may_begin_before_another_has_ended(backbone, images, name):
    """Two who look at one page share its classifier."""
    forward = engines.build(name, backbone).load()
    begun = forward(images)
    parts = [next(begun)]
    between = np.concatenate(list(forward(images[::-1])))
    assert (np.concatenate([*parts, *begun])[::-1] == between).all()


def test_bfloat16_is_refused_where_it_would_be_float32(backbone, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino_telemetry", None)
    import openvino

    able = {"OPTIMIZATION_CAPABILITIES": ["FP32"], "FULL_DEVICE_NAME": "An old CPU"}
    monkeypatch.setattr(openvino.Core, "get_property", lambda self, device, name: able[name])
    with pytest.raises(UserError, match=r"bfloat16 on this CPU, An old CPU\. The engine openvino"):
        engines.build("openvino-bfloat16", backbone).load()


def test_bfloat16_is_near_float32_where_the_cpu_has_it(tmp_path):
    program = (
        "import sys, numpy as np, keras\n"
        "from wbc.embed import engines\n"
        "from wbc.common.errors import UserError\n"
        "keras.utils.set_random_seed(1)\n"
        "image = keras.Input((32, 32, 3))\n"
        "layer = keras.layers.Conv2D(6, 3, activation='swish')(keras.layers.Rescaling(1 / 255)(image))\n"
        "model = keras.Model(image, keras.layers.GlobalAveragePooling2D()(layer))\n"
        "images = np.random.default_rng(0).integers(256, size=(9, 32, 32, 3), dtype=np.uint8)\n"
        "try:\n"
        "    run = engines.build(sys.argv[1], model).load()\n"
        "except UserError as error:\n"
        "    sys.exit(str(error))\n"
        "np.save(sys.argv[2], np.concatenate(list(run(iter(images)))))\n"
    )
    # Each in a process of its own: the kernels are chosen once in a process.
    features = {}
    for name in ("openvino", "openvino-bfloat16"):
        command = [sys.executable, "-c", program, name, str(tmp_path / f"{name}.npy")]
        done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True)
        if name == "openvino-bfloat16" and "can't compute in bfloat16" in done.stderr:
            pytest.skip(done.stderr)
        assert done.returncode == 0, done.stderr
        features[name] = np.load(tmp_path / f"{name}.npy")
    assert (features["openvino"] != features["openvino-bfloat16"]).any()
    np.testing.assert_allclose(features["openvino-bfloat16"], features["openvino"], atol=0.02)


def test_what_openvino_refuses_is_said(backbone, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino_telemetry", None)
    import openvino

    def refuse(*_):
        raise RuntimeError("Exception from core.cpp:117:\nobject is not initialized\n")

    monkeypatch.setattr(openvino.Core, "compile_model", refuse)
    with pytest.raises(
        UserError, match=r"OpenVINO can't compile .*: object is not initialized\. The engine tensorflow"
    ):
        engines.build("openvino", backbone).load()


def test_auto_is_tensorflow_where_there_is_a_gpu(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    assert engines.choose("auto") == "openvino"
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["GPU:0"])
    assert engines.choose("auto") == "tensorflow"
    assert engines.choose("openvino") == "openvino"


def test_another_weight_or_engine_is_another_identity(backbone):
    found = engines.fingerprint("openvino", backbone)
    assert found == engines.fingerprint("openvino", backbone)
    assert found != engines.fingerprint("tensorflow", backbone)
    assert found != engines.fingerprint("openvino-bfloat16", backbone)
    weights = backbone.get_weights()
    backbone.set_weights([weights[0] + 1e-6, *weights[1:]])
    assert found != engines.fingerprint("openvino", backbone)
    backbone.set_weights(weights)


def test_openvino_reports_nothing_to_its_makers():
    """Its package of telemetry would send what is used to a server; it must not even be loaded."""
    code = (
        "import sys; from wbc.common.errors import UserError; from wbc.embed.engines import Engine\n"
        "try: Engine('openvino', b'no graph', 32).load()\n"
        "except UserError: pass\n"
        "assert 'openvino' in sys.modules\n"
        "assert not [name for name, module in sys.modules.items() if name.startswith('openvino_telemetry') and module]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_code_that_makes_features_is_part_of_their_key():
    """All that embedding and engines import is, but for what moves bytes and words about."""
    plumbing = {"cache", "code_digest", "errors", "files", "os_errors", "progress", "params", "keras_file", "zips"}
    closure = {file for name in ("embedding", "engines") for file in code_of(f"wbc/embed/{name}.py")}
    making = {file for file in closure if Path(file).stem not in plumbing}
    assert making == {name.replace(".", "/") + ".py" for name in engines.FEATURE_CODE}


def test_an_edited_view_asks_for_new_features(monkeypatch):
    backbone = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D()])
    before = engines.fingerprint("openvino", backbone)
    assert engines.fingerprint("openvino", backbone) == before
    monkeypatch.setattr(engines, "code_digest", lambda modules: "of other code")
    assert engines.fingerprint("openvino", backbone) != before
