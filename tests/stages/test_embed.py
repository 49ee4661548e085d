import hashlib
import json

import numpy as np
import pydantic
import pytest
import yaml
from PIL import Image

from stages import embed
from tests.imports import ROOT
from wbc.common.errors import UserError
from wbc.common.images import decode, resize
from wbc.embed.features import Features
from wbc.embed.inference import compiled
from wbc.embed.params import EmbedParams
from wbc.embed.tensorflow_setup import keras
from wbc.embed.weights import BLOOD_SHA256, find_weights

SETTINGS = {
    "weights": "blood",
    "weights_sha256": None,
    "image_size": 128,
    "tta_views": 8,
    "zooms": [1],
    "views": 8,
    "seed": 1,
    "engine": "auto",
    "executor": "local",
    "augmentation": {"horizontal_flip": True, "vertical_flip": True, "rotation": 0.5, "zoom": 0.1, "contrast": 0.1},
}


def find(weights="blood", weights_sha256=None, blood=ROOT / embed.BLOOD):
    return find_weights(weights, weights_sha256, blood)


def test_words_are_not_paths():
    assert find(weights="imagenet") == ("imagenet", None)
    assert find(weights="random") == ("random", None)


def test_blood_is_the_file_that_the_repository_carries():
    path, sha256 = find()
    assert path.is_file()
    assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def test_a_file_is_used_only_under_its_hash(tmp_path):
    file = tmp_path / "own.weights.h5"
    file.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    assert find(weights=str(file), weights_sha256=digest) == (file, digest)
    for said in (None, "0" * 64):
        with pytest.raises(UserError, match=f"weights_sha256: {digest}"):
            find(weights=str(file), weights_sha256=said)


def test_a_misspelt_word_names_the_choices():
    with pytest.raises(UserError, match="Expected blood, imagenet, random, or the path"):
        find(weights="imagnet")


@pytest.mark.parametrize(
    "changes",
    [
        {"backbone": "EfficientNetB0"},
        {"test_views": 8},
        {"image_size": 16},
        {"views": -1},
        {"tta_views": 4},
        {"tta_views": True},
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
        EmbedParams(**SETTINGS | changes)


def test_the_stage_writes_the_features_and_the_backbone_that_made_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FEATURE_CACHE", str(tmp_path / "cache"))
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["embed"] |= {"weights": "random", "image_size": 32, "tta_views": 1, "views": 1}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    (tmp_path / "data/images/a").mkdir(parents=True)
    random = np.random.default_rng(0)
    rows = ["path,label,sha256"]
    for number in range(2):
        file = tmp_path / f"data/images/a/{number}.png"
        Image.fromarray(random.integers(256, size=(64, 64, 3)).astype(np.uint8)).save(file)
        rows.append(f"a/{number}.png,a,{hashlib.sha256(file.read_bytes()).hexdigest()}")
    (tmp_path / "data/manifest.csv").write_text("\n".join(rows) + "\n")

    embed.main()
    folder = tmp_path / "data/features"
    features = Features.load(folder, 2)
    names = {"backbone.keras", "backbone.pb", "features.json", "features.npy"}
    assert {file.name for file in folder.iterdir()} == names
    assert features.array.shape == (2, 2, 1280)
    expected = {"images": 2, "features": 1280, "weights": "random", "image_size": 32, "tta_views": 1, "zooms": [1]}
    assert expected.items() <= json.loads((folder / "features.json").read_text()).items()
    model = keras.models.load_model(folder / "backbone.keras", compile=False)
    images = [resize(decode(tmp_path / f"data/images/a/{number}.png")[0], 32) for number in range(2)]
    assert features.scored == pytest.approx(np.concatenate(list(compiled(model)(images))), abs=5e-3)
    assert np.ptp(features.scored) > 0.5


def test_the_published_blood_weights_are_the_pinned_ones():
    assert hashlib.sha256((ROOT / embed.BLOOD).read_bytes()).hexdigest() == BLOOD_SHA256


def test_one_flipped_bit_in_the_blood_weights_is_refused(tmp_path):
    content = bytearray((ROOT / embed.BLOOD).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "blood.weights.h5").write_bytes(content)
    with pytest.raises(UserError, match="it is damaged"):
        find(blood=tmp_path / "blood.weights.h5")
