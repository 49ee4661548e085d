import numpy as np
from PIL import Image

from stages.lib.siblings import find_groups


def test_identical_pixels_are_one_group_whatever_the_file(tmp_path):
    random = np.random.default_rng(0)
    one, two = (Image.fromarray(random.integers(256, size=(20, 20, 3), dtype=np.uint8)) for _ in range(2))
    one.save(tmp_path / "a.png")
    two.save(tmp_path / "b.png")
    one.save(tmp_path / "c.bmp")  # another format, the same pixels
    one.rotate(90).save(tmp_path / "d.png")
    files = [tmp_path / name for name in ("a.png", "b.png", "c.bmp", "d.png")]
    assert find_groups(files).tolist() == [0, 1, 0, 2]


def test_shape_counts_as_well_as_bytes(tmp_path):
    Image.new("RGB", (10, 20), "white").save(tmp_path / "a.png")
    Image.new("RGB", (20, 10), "white").save(tmp_path / "b.png")
    assert find_groups([tmp_path / "a.png", tmp_path / "b.png"]).tolist() == [0, 1]
