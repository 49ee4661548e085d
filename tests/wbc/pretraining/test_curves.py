import pandas as pd
import pytest

from wbc.plot.drawing import save
from wbc.pretraining.curves import pretraining_curves


@pytest.fixture
def epochs():
    sizes = [96, 96, 96, 128, 128]
    columns = ("loss", "accuracy", "shifted_loss", "shifted_accuracy", "plain_accuracy")
    return pd.DataFrame(
        {"epoch": range(1, 6), "image_size": sizes} | {name: [0.5, 0.6, 0.7, 0.8, 0.9] for name in columns}
    )


def test_each_image_size_and_the_epoch_kept_are_named(epochs, tmp_path):
    save(pretraining_curves(epochs, 4), tmp_path / "curves.svg")
    text = (tmp_path / "curves.svg").read_text(encoding="utf-8")
    for words in (">96 px<", ">128 px<", ">epoch kept: 4<", ">validation images, shifted<"):
        assert text.count(words) == 1


def test_the_same_numbers_give_the_same_bytes(epochs, tmp_path):
    for name in ("one", "other"):
        save(pretraining_curves(epochs, 4), tmp_path / f"{name}.svg")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "other.svg").read_bytes()


def test_one_epoch_is_enough(epochs, tmp_path):
    save(pretraining_curves(epochs[:1], 1), tmp_path / "curves.svg")
    assert ">96 px<" in (tmp_path / "curves.svg").read_text(encoding="utf-8")
