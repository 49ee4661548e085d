import hashlib

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """60 image files of noise, each with its hash, as `features.write_features` takes them."""
    folder, random = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    made = []
    for number in range(60):
        file = folder / f"{number}.png"
        Image.fromarray(random.integers(256, size=(40, 50, 3), dtype=np.uint8)).save(file)
        made.append((file, hashlib.sha256(file.read_bytes()).hexdigest()))
    return made
