"""Features of changed images: one row an image and draw, in order, and as they are where nothing is changed."""

import numpy as np
import pytest
from PIL import Image

from tests.wbc.pretraining.test_domain_augmentation import COLORS, NONE
from wbc.embed.tensorflow_setup import keras
from wbc.pretraining.domain_augmentation import DomainAugmentation
from wbc.pretraining.shifted_features import BATCH, shifted_features

GRAYS = np.linspace(20, 220, BATCH + 3).round().astype(np.uint8)  # more than a batch, and no multiple of it


@pytest.fixture(scope="module")
def mean_color():
    image = keras.Input((16, 16, 3))
    return keras.Model(image, keras.layers.GlobalAveragePooling2D()(image))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shifted")
    for number, gray in enumerate(GRAYS):
        Image.new("RGB", (20, 20), (int(gray),) * 3).save(folder / f"{number:02}.png")
    return sorted(folder.iterdir())


def test_images_that_are_not_changed_keep_their_features_and_order(mean_color, files):
    found = shifted_features(mean_color, files, DomainAugmentation(**NONE | {"resolution": 16}), draws=2, seed=1)
    assert found.shape == (len(files), 2, 3) and found.dtype == np.float16
    assert np.abs(found - GRAYS[:, None, None].astype(float)).max() <= 1


def test_each_draw_is_another_change_and_the_same_seed_the_same_one(mean_color, files):
    shift = DomainAugmentation(**NONE | {"resolution": 16} | COLORS)
    found = shifted_features(mean_color, files[:4], shift, draws=2, seed=1)
    assert np.abs(found[:, 0] - found[:, 1]).max(axis=1).mean() > 1
    np.testing.assert_array_equal(found, shifted_features(mean_color, files[:4], shift, draws=2, seed=1))
    assert np.abs(found - shifted_features(mean_color, files[:4], shift, draws=2, seed=2)).max() > 1
