import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from wbc.fetch.drawn.dataset import SyntheticParams, draw_dataset
from wbc.split.near_duplicates.fingerprints import Fingerprints


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Forty drawn cells, one image of 120 pixels each: the first half is known."""
    folder = tmp_path_factory.mktemp("drawn")
    params = SyntheticParams(seed=5, cells_per_class=8, copies_per_cell=1, image_size=120)
    files = []
    for drawing in draw_dataset(params):
        files.append(folder / f"{drawing.label}_{drawing.number}.png")
        drawing.image.save(files[-1])
    return files[::2], files[1::2]


@pytest.fixture(scope="module")
def known(drawn):
    return Fingerprints.of(drawn[0])


def jpeg(image, quality):
    content = io.BytesIO()
    image.save(content, "JPEG", quality=quality)
    return Image.open(content).convert("RGB")


CHANGES = {
    "nothing": lambda image: image,
    "80 pixels": lambda image: image.resize((80, 80)),
    "240 pixels": lambda image: image.resize((240, 240)),
    "JPEG": lambda image: jpeg(image, 60),
    "mirrored": ImageOps.mirror,
    "turned": lambda image: image.transpose(Image.Transpose.ROTATE_90),
    "cropped": lambda image: image.crop((6, 6, 114, 114)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_copy_is_recognized(drawn, known, change):
    copies = [np.asarray(CHANGES[change](Image.open(file).convert("RGB"))) for file in drawn[0]]
    assert known.matches_pixels(copies).mean() >= (0.75 if change == "cropped" else 0.95)


def test_other_cells_are_not_recognized(drawn, known):
    assert not known.matches(drawn[1]).any()


def test_an_image_without_a_cell_matches_nothing_and_breaks_nothing(drawn, known, tmp_path):
    blank = np.full((40, 50, 3), 220, np.uint8)
    assert known.matches_pixels([blank, blank[:8, :8]]).tolist() == [False, False]
    Image.fromarray(blank).save(tmp_path / "blank.png")
    with_blank = Fingerprints.of([tmp_path / "blank.png", *drawn[0]])
    assert with_blank.matches([tmp_path / "blank.png", drawn[0][0]]).tolist() == [False, True]


def test_they_are_small_and_the_same_bytes_each_time(drawn, known, tmp_path):
    known.save(tmp_path / "one.npz")
    Fingerprints.of(drawn[0]).save(tmp_path / "two.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    assert known.codes.shape == (20, 75) and known.codes.dtype == np.int8
    loaded = Fingerprints.load(tmp_path / "one.npz")
    assert all(np.array_equal(mine, theirs) for mine, theirs in zip(loaded, known, strict=True))
