import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from research.compare_near_duplicates import LIBRARIES, Candidate, ImageSet, print_known, score, text, thresholds
from research.compare_near_duplicates import group as group_of
from wbc.fetch.drawn.dataset import SyntheticParams, draw_dataset

# Another interpreter may have the libraries: they are no packages of this project.
PYTHON = os.environ.get("NEAR_DUPLICATE_LIBRARIES") or sys.executable
NONE = "NEAR_DUPLICATE_LIBRARIES names no Python, and imagededup and cleanvision are not installed in this one"
INSTALLED = "NEAR_DUPLICATE_LIBRARIES" in os.environ or all(
    importlib.util.find_spec(name) for name in ("imagededup", "cleanvision")
)
LABELS = [name for name in ("basophil", "monocyte") for _ in range(40)]
CELLS = np.arange(80) // 4  # ten cells of each class, four images of each


def test_images_that_a_chain_of_pairs_connects_are_one_group():
    assert group_of(np.array([[0, 1], [1, 3]]), 5).tolist() == [0, 0, 1, 0, 2]
    assert group_of(np.empty((0, 2), np.int32), 3).tolist() == [0, 1, 2]


def test_the_true_groups_score_best_and_single_images_leak():
    images = ImageSet("drawn", [], LABELS, CELLS)
    assert score(images, CELLS) == (1, 1, 0, True)
    alone = score(images, np.arange(80))
    assert (alone.recall, alone.f1, alone.usable) == (0, 0, True)
    assert alone.leak > 0.5


def test_one_group_of_all_images_is_no_usable_split():
    assert score(ImageSet("drawn", [], LABELS, CELLS), np.zeros(80, int)).usable is False


def test_few_distances_are_all_tried_and_many_by_quantiles():
    assert thresholds(np.array([4, 0, 2, 2], np.float32)) == [0, 2, 4]
    tried = thresholds(np.linspace(0, 1, 1000, dtype=np.float32))
    assert 30 < len(tried) <= 40
    assert tried[1] < 0.01
    assert thresholds(np.empty(0, np.float32)) == [0]


def test_the_best_threshold_is_the_one_of_the_highest_f1(capsys):
    candidates = [Candidate("", 1.0, np.arange(80)), Candidate("", 2.0, CELLS), Candidate("", 3.0, np.zeros(80, int))]
    best = print_known(ImageSet("drawn", [], LABELS, CELLS), {}, {"method": candidates}, {"method": 1.5})
    assert best == {("method", ""): 2.0}
    assert "| method | 2 | 1.000 | 1.000 | 0.000 | 0.000 (2; precision 1.000) | 1.5 |" in capsys.readouterr().out


def test_a_candidate_is_named_by_its_setting_or_its_threshold():
    named = [text(Candidate(*settings, CELLS)) for settings in (("phash of size 8", None), ("", 0.05), ("", None))]
    assert named == ["phash of size 8", "0.05", "–"]


@pytest.mark.slow
@pytest.mark.skipif(not INSTALLED, reason=NONE)
def test_each_method_finds_an_image_that_is_there_twice(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    drawings = draw_dataset(SyntheticParams(seed=1, cells_per_class=2, copies_per_cell=1, image_size=64))
    images = [drawing.image for drawing in drawings]
    for number, image in enumerate([*images, images[0]]):
        image.save(folder / f"{number:05d}.png")
    again = len(images)
    rows = np.random.default_rng(1).normal(size=(again + 1, 8)).astype(np.float32)
    rows[again] = rows[0]
    np.savez(tmp_path / "encodings.npz", noise=rows)
    command = [PYTHON, LIBRARIES, folder, tmp_path / "out", "--encodings", tmp_path / "encodings.npz"]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    methods = json.loads((tmp_path / "out/methods.json").read_text())
    assert {"imagededup PHash", "imagededup CNN, noise", "cleanvision"} <= {method["method"] for method in methods}
    for method in methods:
        found = np.load(tmp_path / "out" / method["file"])
        distances = dict(zip(map(tuple, found["pairs"].tolist()), found["distances"].tolist(), strict=True))
        assert distances[0, again] == pytest.approx(0, abs=1e-5), method
        assert method["seconds"] > 0
