"""Masks are recognized by their gray levels, photographs never."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter

from wbc.common.images import decode
from wbc.fetch import manifest
from wbc.fetch.drawn.dataset import SyntheticParams, draw_dataset
from wbc.fetch.masks import why_mask

SETTINGS = SyntheticParams(seed=1, cells_per_class=2, copies_per_cell=1, image_size=80)


@pytest.fixture(scope="module")
def photos():
    return [drawing.image for drawing in draw_dataset(SETTINGS)]


def mask_of(photo, levels):
    gray = np.asarray(photo.convert("L").filter(ImageFilter.GaussianBlur(2)))
    dark, middle = np.quantile(gray, [0.15, 0.4])
    return Image.fromarray(np.select([gray < dark, gray < middle], levels[:2], levels[2]).astype(np.uint8))


def why(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, **options)
    return why_mask(decode(buffer.getvalue())[0])


def test_photographs_are_none(photos):
    for photo in photos:
        for image in (photo, photo.convert("L")):
            assert why(image, format="PNG") is None
            assert not any(why(image, format="JPEG", quality=quality) for quality in (50, 75, 95))


def test_masks_are_recognized(photos):
    for photo in photos:
        assert "2 colors" in why(mask_of(photo, (255, 0, 0)), format="PNG")
        assert "3 colors" in why(mask_of(photo, (255, 128, 0)), format="PNG")
        assert "2 colors" in why(mask_of(photo, (1, 0, 0)), format="PNG")
        colored = mask_of(photo, (1, 2, 0)).convert("P")
        colored.putpalette([0, 0, 0, 255, 0, 0, 0, 0, 255])
        assert "3 colors" in why(colored, format="PNG")
        assert all(why(mask_of(photo, (255, 0, 0)), format="JPEG", quality=quality) for quality in (50, 75, 95))
        assert why(mask_of(photo, (255, 0, 0)).resize((200, 200), Image.Resampling.BILINEAR), format="PNG")


def test_an_image_of_one_color_or_drawn_in_two_is_no_mask():
    image = np.full((20, 20, 3), 200, np.uint8)
    assert why_mask(image) is None
    image[5:10, 5:10] = (130, 20, 90)
    assert why_mask(image) is None


def test_masks_are_bad_images_unless_they_are_allowed(tmp_path, photos):
    for folder, image in (("a", photos[0]), ("b", mask_of(photos[1], (255, 0, 0)))):
        (tmp_path / folder).mkdir()
        image.save(tmp_path / folder / "1.png")
    assert [path for path, reason in manifest.build_manifest(tmp_path).bad if "a mask" in reason] == ["b/1.png"]
    assert manifest.build_manifest(tmp_path, allow_masks=True).bad == []
