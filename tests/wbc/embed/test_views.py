import numpy as np
import pytest

from wbc.embed.views import Augmentation, orientations, view

NOTHING = {"horizontal_flip": False, "vertical_flip": False, "rotation": 0.0, "zoom": 0.0, "contrast": 0.0}
EVERYTHING = Augmentation(horizontal_flip=True, vertical_flip=True, rotation=0.5, zoom=0.1, contrast=0.1)


@pytest.fixture
def pixels():
    """A smooth picture without any symmetry, so that it survives resampling and every flip shows."""
    y, x = np.mgrid[0:64, 0:64]
    return np.stack([2 * x + y, 3 * y, 255 - 2 * x], axis=2).clip(0, 255).astype(np.uint8)


def test_view_0_is_the_image(pixels):
    assert (view(pixels, 0, EVERYTHING, [1]) == pixels).all()


def test_without_augmentation_every_view_is_the_image(pixels):
    assert (view(pixels, 3, Augmentation(**NOTHING), [1]) == pixels).all()


def test_same_key_same_view_and_any_change_another(pixels):
    first = view(pixels, 1, EVERYTHING, [1, 2])
    assert (first == view(pixels, 1, EVERYTHING, [1, 2])).all()
    assert (first != view(pixels, 2, EVERYTHING, [1, 2])).any()
    assert (first != view(pixels, 1, EVERYTHING, [1, 3])).any()
    assert first.shape == (64, 64, 3)
    assert first.dtype == np.uint8


@pytest.mark.parametrize(("name", "axis"), [("horizontal_flip", 1), ("vertical_flip", 0)])
def test_flips_are_exact_and_happen_half_the_time(pixels, name, axis):
    augmentation = Augmentation(**NOTHING | {name: True})
    views = [view(pixels, number, augmentation, [5]) for number in range(1, 101)]
    flipped = [(made == np.flip(pixels, axis)).all() for made in views]
    assert all(is_flipped or (made == pixels).all() for made, is_flipped in zip(views, flipped, strict=True))
    assert 30 < sum(flipped) < 70


def test_rotation_keeps_the_center_and_turns_the_rest(pixels):
    augmentation = Augmentation(**NOTHING | {"rotation": 0.5})
    disc = np.zeros((64, 64, 3), np.uint8)
    y, x = np.mgrid[0:64, 0:64] - 31.5
    disc[np.hypot(x, y) < 20] = 200
    for number in range(1, 20):
        # A disc about the center is the same at every angle, but for its rim.
        assert (np.abs(view(disc, number, augmentation, [1]).astype(int) - disc) > 110).mean() < 0.02
    turned = [view(pixels, number, augmentation, [1]) for number in range(1, 20)]
    assert min(np.abs(made.astype(int) - pixels).mean() for made in turned) > 1


def test_rotation_fills_its_corners_with_the_image_reflected(pixels):
    flat = np.full((64, 64, 3), 180, np.uint8)
    for number in range(1, 20):
        assert (view(flat, number, EVERYTHING, [1]) == 180).all()


def test_zoom_changes_the_scale_within_its_bound():
    disc = np.zeros((64, 64, 3), np.uint8)
    y, x = np.mgrid[0:64, 0:64] - 31.5
    disc[np.hypot(x, y) < 20] = 255
    augmentation = Augmentation(**NOTHING | {"zoom": 0.2})
    scales = [np.sqrt(view(disc, n, augmentation, [1]).mean() / disc.mean()) for n in range(1, 60)]
    assert 0.78 < min(scales) < 0.88
    assert 1.12 < max(scales) < 1.22


def test_contrast_keeps_the_mean():
    random = np.random.default_rng(0)
    gray = random.integers(90, 160, size=(64, 64, 3), dtype=np.uint8)
    augmentation = Augmentation(**NOTHING | {"contrast": 0.5})
    made = [view(gray, number, augmentation, [1]) for number in range(1, 30)]
    assert all(abs(m.mean() - gray.mean()) < 0.5 for m in made)
    spread = [m.std() / gray.std() for m in made]
    assert min(spread) < 0.7
    assert max(spread) > 1.3


def test_the_eight_orientations_of_a_square():
    pixels = np.random.default_rng(0).integers(256, size=(6, 6, 3)).astype(np.uint8)
    made = orientations(pixels)
    assert len({image.tobytes() for image in made}) == 8
    assert (made[0] == pixels).all()
    turned = [np.rot90(pixels, turns) for turns in range(4)]
    expected = {image.tobytes() for turn in turned for image in (turn, turn[:, ::-1])}
    assert {image.tobytes() for image in made} == expected
