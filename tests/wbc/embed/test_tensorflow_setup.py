"""What the user has set for Keras and oneDNN changes no feature."""

import json
import os
import subprocess
import sys

from tests.imports import ROOT

HOSTILE = {"epsilon": 0.5, "floatx": "float16", "image_data_format": "channels_first", "backend": "jax"}
SCRIPT = """
import hashlib
import numpy as np
from wbc.embed import engines
from wbc.embed.tensorflow_setup import keras

normalization = keras.layers.Normalization(mean=[9.0, 8.0, 7.0], variance=[0.01, 0.02, 0.03])
layers = [keras.Input((8, 8, 3)), normalization, keras.layers.GlobalAveragePooling2D()]
backbone = keras.Sequential(layers, name="backbone")
images = np.random.default_rng(0).integers(256, size=(9, 8, 8, 3), dtype=np.uint8)
for engine in ("tensorflow", "openvino"):
    features = np.concatenate([*engines.build(engine, backbone).load()(images)])
    print(engines.fingerprint(engine, backbone), features.dtype, hashlib.sha256(features.tobytes()).hexdigest())
"""


def features_with(keras_home, **variables):
    """What the script prints where $KERAS_HOME is that folder and further variables are set."""
    variables |= {"KERAS_HOME": str(keras_home), "PYTHONPATH": str(ROOT)}
    ended = subprocess.run([sys.executable, "-c", SCRIPT], env=os.environ | variables, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_a_users_settings_change_neither_features_nor_their_key(tmp_path):
    (tmp_path / "keras.json").write_text(json.dumps(HOSTILE))
    variables = {"ONEDNN_DEFAULT_FPMATH_MODE": "ANY", "DNNL_MAX_CPU_ISA": "SSE41", "KERAS_MAX_STEPS_PER_EPOCH": "1"}
    plain = features_with(tmp_path / "none")
    assert features_with(tmp_path, **variables) == plain
    assert plain.count("float32") == 2
