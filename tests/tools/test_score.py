"""The command on a project whose classifier names the color of an image."""

import csv
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests import color_classifier
from tests.color_classifier import CLASSES, COLORS
from tools import score


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """A function that runs the command on eight images, one of them under a wrong label and two of no known class."""
    monkeypatch.chdir(tmp_path)
    color_classifier.ship(tmp_path)
    for number, name in enumerate([*CLASSES, *CLASSES[:2], CLASSES[0]]):
        color = COLORS[2] if number == 5 else COLORS[CLASSES.index(name)]
        Path("labelled", name).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 20), color).save(f"labelled/{name}/P{number // 2}_{number}.png")
    Path("labelled/blast").mkdir()
    for number, color in enumerate(("white", COLORS[0])):
        Image.new("RGB", (20, 20), color).save(f"labelled/blast/{number}.png")

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["score", "labelled", *arguments])
        score.main()
        return capsys.readouterr().out

    return call


def test_it_says_what_the_answers_are_worth(run):
    said = run("--output", "answers.csv")
    assert "6 images, 6 groups; the intervals are by image" in said
    assert "accuracy                                   0.833 (" in said
    assert "balanced accuracy                          0.889 (" in said  # recalls of 2/3, 1 and 1
    assert "sets that hold the true class, 90% asked   83.3%" in said
    basophil = next(line for line in said.splitlines() if line.startswith("basophil"))
    assert basophil.split() == ["basophil", "3", "0.667", "1.000"]
    assert "2 no class of the classifier's; it abstained from 50%" in said
    with Path("answers.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8 and sum(row["label"] == row["predicted"] for row in rows) == 5


def test_groups_widen_what_an_interval_is_of(run):
    assert "6 images, 3 groups; the intervals are by patient" in run("--groups", r"(?P<patient>P\d+)_.*")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "models/none"], "`make pretrained` makes models/pretrained"),
        (["--groups", "P("], "neither a .csv file nor a regular expression"),
        (["--output", "answers.xlsx"], "doesn't end in .csv"),
    ],
)
def test_what_cannot_be_done_is_said(run, capsys, arguments, words):
    with pytest.raises(SystemExit):
        run(*arguments)
    assert words in capsys.readouterr().err
