"""Each perturbation does what it is called, and more of it at a greater strength."""

import numpy as np
import pytest

from wbc.predict.perturbations import PERTURBATIONS, STRENGTHS, blur, brightness, noise, offset, scale, stain


@pytest.fixture
def image():
    """A dark disk a little off center, on a light ground with some texture."""
    y, x = np.mgrid[:80, :80]
    disk = (x - 38) ** 2 + (y - 42) ** 2 < 20**2
    texture = np.random.default_rng(0).integers(-9, 9, (80, 80, 1))
    return (np.where(disk[..., None], (90, 60, 140), (220, 200, 205)) + texture).astype(np.uint8)


@pytest.mark.parametrize("kind", PERTURBATIONS)
def test_a_greater_strength_changes_more_and_the_same_one_the_same(kind, image):
    def resized(pixels):
        rows, columns = (np.linspace(0, side - 1, 80).astype(int) for side in pixels.shape[:2])
        return pixels[rows][:, columns].astype(float)

    before = image.copy()
    changes = [np.abs(resized(PERTURBATIONS[kind](image, strength)) - image).mean() for strength in STRENGTHS]
    assert changes[0] > 0.5 and changes[-1] > 1.5 * changes[0]
    np.testing.assert_array_equal(PERTURBATIONS[kind](image, 3), PERTURBATIONS[kind](image, 3))
    np.testing.assert_array_equal(image, before)
    assert PERTURBATIONS[kind](image, 5).dtype == np.uint8


def test_stain_absorbs_red_and_lets_blue_through(image):
    red, green, blue = (stain(image, 5).astype(int) - image).mean(axis=(0, 1))
    assert red < -5 and abs(green) < 1 and blue > 5


def test_brightness_and_noise_keep_to_what_they_say(image):
    assert brightness(image, 5).mean() == pytest.approx(0.6 * image.mean(), rel=0.01)
    gray = np.full((200, 200, 3), 128, np.uint8)
    assert (noise(gray, 5).astype(float) - gray).std() == pytest.approx(25, rel=0.05)


def test_blur_takes_texture_away(image):
    assert blur(image, 5)[:10, :10, 0].std() < 0.5 * image[:10, :10, 0].std()


def test_offset_moves_and_scale_cuts_closer(image):
    np.testing.assert_array_equal(offset(image, 5)[16:, 16:], image[:-16, :-16])
    assert scale(image, 5).shape == (53, 53, 3)
    np.testing.assert_array_equal(scale(image, 5)[0, 0], image[13, 13])
