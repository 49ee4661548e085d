import hashlib
import importlib.util
import json

import numpy as np
import pydantic
import pytest
import yaml
from PIL import Image

from stages import embed
from tests.imports import ROOT
from wbc.common import params
from wbc.common.errors import UserError
from wbc.common.images import decode, resize
from wbc.embed.inference import compiled
from wbc.embed.tensorflow_setup import keras
from wbc.pretraining import efficientnet_lite0

SETTINGS = {
    "backbone": "EfficientNetB0",
    "weights": "blood",
    "weights_sha256": None,
    "image_size": 128,
    "test_views": 8,
    "zooms": [1],
    "views": 8,
    "seed": 1,
    "engine": "auto",
    "executor": "local",
    "augmentation": {"horizontal_flip": True, "vertical_flip": True, "rotation": 0.5, "zoom": 0.1, "contrast": 0.1},
}


def find(**changes):
    return embed.find_weights(embed.EmbedParams(**SETTINGS | changes))


def test_words_are_not_paths():
    assert find(weights="imagenet") == ("imagenet", None)
    assert find(weights="random") == ("random", None)


def test_blood_is_the_file_that_the_repository_carries():
    path, sha256 = find()
    assert path.is_file()
    assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def test_blood_weights_are_not_for_the_other_backbone():
    with pytest.raises(UserError, match=r"`embed.weights: imagenet` and `embed.image_size: 224`"):
        find(backbone="EfficientNetLite0")


def test_a_file_is_used_only_under_its_hash(tmp_path):
    file = tmp_path / "own.weights.h5"
    file.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    assert find(weights=str(file), weights_sha256=digest) == (file, digest)
    for said in (None, "0" * 64):
        with pytest.raises(UserError, match=f"weights_sha256: {digest}"):
            find(weights=str(file), weights_sha256=said)


def test_a_misspelt_word_names_the_choices():
    with pytest.raises(UserError, match="Must be one of blood, imagenet, random"):
        find(weights="imagnet")


@pytest.mark.parametrize(
    "changes",
    [
        {"backbone": "ResNet50"},
        {"image_size": 16},
        {"views": -1},
        {"test_views": 4},
        {"test_views": True},
        {"weights_sha256": "0" * 63},
        {"image_size": "128"},
        {"seed": -1},
        {"engine": "onnx"},
        {"zooms": []},
        {"zooms": [1.4, 1]},
        {"zooms": [1, 1.4, 1.4]},
        {"zooms": [1, 9]},
    ],
)
def test_values_out_of_range_are_refused(changes):
    with pytest.raises(pydantic.ValidationError):
        embed.EmbedParams(**SETTINGS | changes)


def test_the_imagenet_configuration_is_a_switch_of_three_parameters(tmp_path, monkeypatch):
    """With EfficientNet-Lite0 and no network: features of two images, and the backbone that made them."""
    if importlib.util.find_spec(efficientnet_lite0.PACKAGE) is None:
        pytest.skip("the package of its weights is not installed; type `make lite0`")
    monkeypatch.chdir(tmp_path)
    for word in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(word, "http://127.0.0.1:9")
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["embed"] |= {"backbone": "EfficientNetLite0", "weights": "imagenet", "image_size": 224}
    params["embed"] |= {"test_views": 1, "views": 1}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    (tmp_path / "data/images/a").mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(2):
        pixels = random.integers(256, size=(64, 64, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"data/images/a/{number}.png")
    digests = [
        hashlib.sha256((tmp_path / f"data/images/a/{number}.png").read_bytes()).hexdigest() for number in range(2)
    ]
    rows = [f"a/{number}.png,a,{digest}" for number, digest in enumerate(digests)]
    (tmp_path / "data/manifest.csv").write_text("\n".join(["path,label,sha256", *rows]) + "\n")

    embed.main()
    features = np.load(tmp_path / "data/features/features.npy")
    made_by = json.loads((tmp_path / "data/features/features.json").read_text())
    assert (made_by["backbone"], made_by["weights"], made_by["image_size"]) == ("EfficientNetLite0", "imagenet", 224)
    model = keras.models.load_model(tmp_path / "data/features/backbone.keras", compile=False)
    images = [resize(decode(tmp_path / f"data/images/a/{number}.png")[0], 224) for number in range(2)]
    assert features.shape == (2, 2, 1280)
    assert features[:, 0] == pytest.approx(np.concatenate(list(compiled(model)(images))), abs=5e-3)
    assert np.ptp(features[:, 0]) > 0.5


def test_the_published_blood_weights_are_the_pinned_ones():
    assert hashlib.sha256((ROOT / embed.BLOOD).read_bytes()).hexdigest() == embed.BLOOD_SHA256


def test_one_flipped_bit_in_the_blood_weights_is_refused(tmp_path, monkeypatch):
    content = bytearray((ROOT / embed.BLOOD).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "blood.weights.h5").write_bytes(content)
    monkeypatch.setattr(embed, "BLOOD", tmp_path / "blood.weights.h5")
    settings = params.load(ROOT / "params.yaml", "embed", embed.EmbedParams)
    with pytest.raises(UserError, match="it is damaged"):
        embed.find_weights(settings)
