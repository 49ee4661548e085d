import numpy as np
import pytest

from wbc.common.errors import UserError
from wbc.common.tables import open_features, read_baseline_predictions, read_splits


def test_classes_are_numbered_by_name_whatever_they_are_called(tmp_path):
    file = tmp_path / "splits.csv"
    file.write_text("path,label,group\n007,b,1\n2,NA,1\n3,10,2\n4,b,3\n")
    splits, numbers, classes = read_splits(file)
    assert classes == ["10", "NA", "b"]
    assert numbers.tolist() == [2, 1, 0, 2]
    assert splits["path"].tolist() == ["007", "2", "3", "4"]


def test_features_of_other_images_stop(tmp_path):
    file = tmp_path / "features.npy"
    np.save(file, np.zeros((2, 1, 4), np.float16))
    assert open_features(file, 2).shape == (2, 1, 4)
    with pytest.raises(UserError, match="holds 2 images and the splits 3"):
        open_features(file, 3)


def test_what_baselines_called_the_images(tmp_path):
    file = tmp_path / "image.csv"
    # A class may be called NA, which pandas takes for none.
    file.write_text("path,majority,other\na/1.png,b,b\nb/1.png,b,NA\n")
    found = read_baseline_predictions(file, ["a/1.png", "b/1.png"], ["NA", "b"])
    assert {name: numbers.tolist() for name, numbers in found.items()} == {"majority": [1, 1], "other": [1, 0]}


def test_predictions_of_other_images_stop(tmp_path):
    file = tmp_path / "image.csv"
    file.write_text("path,majority\na/1.png,a\nb/1.png,a\n")
    for images in (["a/1.png"], ["b/1.png", "a/1.png"]):
        with pytest.raises(UserError, match=r"image\.csv holds other images"):
            read_baseline_predictions(file, images, ["a"])
