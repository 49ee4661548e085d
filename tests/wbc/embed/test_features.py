import json

import numpy as np
import pytest

from wbc.common.errors import UserError
from wbc.embed.features import Features


@pytest.fixture
def folder(tmp_path):
    """The features of two images."""
    np.save(tmp_path / "features.npy", np.zeros((2, 3, 4), np.float16))
    (tmp_path / "features.json").write_text(json.dumps({"zooms": [1]}))
    return tmp_path


def test_the_first_row_of_an_image_is_scored_and_zooms_precede_views(folder):
    features = Features.load(folder, 2)
    assert features.scored.shape == (2, 4) and features.zooms.shape == (2, 1, 4)


def test_features_of_other_images_stop(folder):
    with pytest.raises(UserError, match="features of 2 images, but the splits are of 3"):
        Features.load(folder, 3)


@pytest.mark.parametrize("share", [0, 0.01, 0.5])
def test_damaged_features_are_named(folder, share):
    file = folder / "features.npy"
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError, match=r"features\.npy is damaged"):
        Features.load(folder, 2)
