import numpy as np
import pydantic
import pytest

from wbc.embed.tensorflow_setup import tf
from wbc.pretraining.domain_augmentation import DomainAugmentation, augment_domain, stronger

SIDE = 48
NONE = {
    "zoom": [1.0, 1.0],
    "squash": 0.0,
    "shear": 0.0,
    "shift": 0.0,
    "stain": 0.0,
    "density": 0.0,
    "hue": 0.0,
    "saturation": 0.0,
    "brightness": 0.0,
    "contrast": 0.0,
    "surroundings": 0.0,
    "resolution": SIDE,
    "blur": 0.0,
    "noise": 0.0,
    "jpeg_quality": 100,
}
ALL = {
    "zoom": [0.7, 1.6],
    "squash": 0.3,
    "shear": 0.15,
    "shift": 0.06,
    "stain": 0.4,
    "density": 0.4,
    "hue": 0.06,
    "saturation": 0.5,
    "brightness": 0.2,
    "contrast": 0.3,
    "surroundings": 0.5,
    "resolution": 16,
    "blur": 1.5,
    "noise": 0.03,
    "jpeg_quality": 40,
}
COLORS = {"stain": 0.4, "density": 0.4, "hue": 0.06, "saturation": 0.5, "brightness": 0.2, "contrast": 0.3}


def shifted(images, size=SIDE, key=(1, 1), **changes):
    shift = DomainAugmentation(**NONE | changes)
    return augment_domain(tf.constant(images), size, tf.constant(key), shift).numpy()


def discs(count=8, color=(90, 40, 140), ground=(225, 205, 210)):
    """A disc in the middle of each image: turned or mirrored, it is the same."""
    row, column = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    images = np.empty((count, SIDE, SIDE, 3), np.uint8)
    images[:] = np.where(np.hypot(row, column)[..., None] < SIDE / 4, color, ground)
    return images


def noise(count=8):
    return np.random.default_rng(0).integers(256, size=(count, SIDE, SIDE, 3)).astype(np.uint8)


def darkness_about_the_middle(images):
    """The center of each image's darkness, as (row, column) from the middle, in shares of the side."""
    dark = 255 - images.mean(axis=3)
    dark = np.clip(dark - np.median(dark, axis=(1, 2), keepdims=True), 0, None)
    axis = (np.arange(images.shape[1]) + 0.5) / images.shape[1] - 0.5
    total = dark.sum(axis=(1, 2))
    return np.stack([(dark.sum(axis=2) @ axis) / total, (dark.sum(axis=1) @ axis) / total], axis=1)


def test_the_same_key_gives_the_same_images_and_another_key_others():
    first, again, other = (shifted(noise(), key=key, **ALL) for key in ((1, 1), (1, 1), (1, 2)))
    assert (first == again).all()
    assert all(np.abs(one - two).max() > 1 for one, two in zip(first, other, strict=True))


def test_images_of_one_batch_are_changed_in_ways_of_their_own():
    found = shifted(discs(), **ALL)
    assert all(np.abs(found[0] - other).max() > 1 for other in found[1:])


@pytest.mark.parametrize("size", [24, SIDE, 64])
def test_the_result_has_the_size_asked_for_and_values_of_an_image(size):
    found = shifted(noise(), size=size, **ALL | {"resolution": 16})
    assert found.shape == (8, size, size, 3) and found.dtype == np.float32
    assert found.min() >= 0 and found.max() <= 255
    assert np.ptp(found) > 50


def test_without_changes_an_image_is_only_turned():
    """A disc stays the disc that it was, but for the resampling at its edge."""
    images = discs()
    found = shifted(images)
    inside, outside = (SIDE // 2, SIDE // 2), (2, SIDE // 2)
    for place in (inside, outside):
        assert found[:, *place] == pytest.approx(images[:, *place].astype(float), abs=1)  # of 255
    assert np.abs(found - images).mean() < 3
    assert darkness_about_the_middle(found) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("change", COLORS)
def test_each_change_of_color_changes_colors_and_not_the_place_and_0_switches_it_off(change):
    images = discs()
    plain, changed = shifted(images), shifted(images, **{change: COLORS[change]})
    assert (shifted(images, **COLORS | dict.fromkeys(COLORS, 0.0)) == plain).all()
    assert np.abs(changed - plain).max() > 2
    assert darkness_about_the_middle(changed) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(
    "changes",
    [{"blur": 1.5}, {"noise": 0.05}, {"jpeg_quality": 20}, {"resolution": 8}],
    ids=lambda changes: str(changes),
)
def test_each_change_of_the_camera_changes_pixels_and_keeps_the_colors(changes):
    """Some key does: half of the chunks keep their resolution and sharpness."""
    images = noise()
    plain = shifted(images)
    found = [shifted(images, key=(1, number), **changes) for number in range(6)]
    expected = [shifted(images, key=(1, number)) for number in range(6)]
    assert max(np.abs(one - other).max() for one, other in zip(found, expected, strict=True)) > 5
    for one, other in zip(found, expected, strict=True):
        assert one.mean(axis=(1, 2)) == pytest.approx(other.mean(axis=(1, 2)), abs=6)
    assert plain.shape == found[0].shape


def test_the_cell_stays_in_the_picture():
    """Zoomed, moved, squashed and slanted, on other surroundings, a cell is still about the middle and dark."""
    found = shifted(discs(), **{name: ALL[name] for name in ("zoom", "squash", "shear", "shift", "surroundings")})
    assert np.abs(darkness_about_the_middle(found)).max() < 0.15
    assert (found[:, SIDE // 2, SIDE // 2].mean(axis=1) < 120).all()


def test_zoom_shows_the_cell_larger():
    def share(images):
        return (images.mean(axis=3) < 150).mean()

    plain, larger, largest = (share(shifted(discs(), zoom=[zoom, zoom])) for zoom in (1.0, 1.4, 1.8))
    assert (larger / plain, largest / plain) == pytest.approx((1.4**2, 1.8**2), rel=0.08)


def test_surroundings_leave_the_cell_and_change_what_is_around_it():
    images = discs()
    images[::2, :8, :8] = 0  # something beside every other cell
    plain, found = shifted(images), shifted(images, surroundings=1.0)
    assert found[:, SIDE // 2, SIDE // 2] == pytest.approx(plain[:, SIDE // 2, SIDE // 2], abs=1)
    corners = np.abs(found - plain)[:, [0, 0, -1, -1], [0, -1, 0, -1]].max(axis=(1, 2))
    assert (corners > 5).any()


@pytest.mark.parametrize(
    "wrong", [{"zoom": [1.0]}, {"zoom": [0.0, 1.0]}, {"shift": 0.5}, {"jpeg_quality": 5}, {"tint": 1}]
)
def test_values_that_make_no_image_are_refused(wrong):
    with pytest.raises(pydantic.ValidationError):
        DomainAugmentation(**NONE | wrong)


def test_stronger_changes_are_so_many_times_as_large_as_far_as_that_goes():
    shift = DomainAugmentation(**ALL)
    twice = stronger(shift, 2)
    assert (twice.stain, twice.blur, twice.shear) == (0.8, 3.0, 0.3)
    assert twice.saturation == 1.0 and stronger(shift, 5).saturation == 1.0
    assert (twice.resolution, twice.jpeg_quality) == (8, 20)
    assert twice.zoom == shift.zoom
    assert stronger(shift, 1) == shift


def test_the_strongest_changes_are_still_valid_settings():
    DomainAugmentation(**stronger(DomainAugmentation(**ALL), 10).model_dump())
