import hashlib

import pydantic
import pytest

from stages import embed
from stages.lib.errors import UserError

SETTINGS = {
    "backbone": "EfficientNetB0",
    "weights": "blood",
    "weights_sha256": None,
    "image_size": 128,
    "views": 8,
    "seed": 1,
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
    "changes", [{"backbone": "ResNet50"}, {"image_size": 16}, {"views": -1}, {"image_size": "128"}, {"seed": -1}]
)
def test_values_out_of_range_are_refused(changes):
    with pytest.raises(pydantic.ValidationError):
        embed.EmbedParams(**SETTINGS | changes)
