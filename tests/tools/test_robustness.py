"""The command on a project whose classifier names the color of an image."""

import sys

import pandas as pd
import pytest
from PIL import Image

from tests import color_classifier
from tests.color_classifier import CLASSES, COLORS
from tools import robustness
from wbc.predict.perturbations import PERTURBATIONS


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with a shipped classifier, and the splits of its images: each a cell of its own."""
    monkeypatch.chdir(tmp_path)
    color_classifier.ship(tmp_path)
    paths = [f"{name}/{number}.png" for name in CLASSES for number in range(2)]
    for path in paths:
        Image.new("RGB", (60, 45), COLORS[CLASSES.index(path.split("/")[0])]).save(tmp_path / "data/images" / path)
    splits = pd.DataFrame({"path": paths, "label": [path.split("/")[0] for path in paths], "group": range(6)})
    (tmp_path / "data/fetch.json").write_text('{"synthetic": false}')
    splits.assign(fold=[0, 1] * 3).to_csv(tmp_path / "data/splits.csv", index=False)
    return tmp_path


def test_every_kind_is_scored_at_every_strength_beside_none(project, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["robustness", "--output", "out"])
    robustness.main()
    table = pd.read_csv(project / "out/table.csv")
    assert len(table) == 6 * len(PERTURBATIONS)
    assert (table.loc[table["strength"] == 0, "balanced_accuracy"] == 1).all()
    by_kind = table.set_index(["perturbation", "strength"])["balanced_accuracy"]
    assert by_kind["blur", 5] == 1 and by_kind["brightness", 5] == 1  # a plain color stays the strongest one
    printed = capsys.readouterr().out
    assert "6 images, one per group" in printed and "| blur | 1.00 | 1.00 | 1.00 | 1.00 | 1.00 | 1.00 |" in printed
    assert (project / "out/figure.svg").read_text().count("<svg") == 1


def test_fewer_cells_take_part_if_asked(project, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["robustness", "--output", "out", "--cells", "1"])
    robustness.main()
    assert "3 images, one per group" in capsys.readouterr().out


def test_no_cells_are_refused(project, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["robustness", "--cells", "0"])
    with pytest.raises(SystemExit):
        robustness.main()
    assert "must be 1 or more" in capsys.readouterr().err


def test_a_classifier_without_heads_of_folds_is_refused(project, monkeypatch, capsys):
    file = project / "models/deployed/decision.json"
    file.write_text(file.read_text().replace("fold_", "head_"))
    for head in project.glob("models/deployed/fold_*"):
        head.rename(head.with_name(head.name.replace("fold_", "head_")))
    monkeypatch.setattr(sys, "argv", ["robustness"])
    with pytest.raises(SystemExit):
        robustness.main()
    assert "has no heads that have not learned from some of the cells here" in capsys.readouterr().err
