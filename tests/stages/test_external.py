"""Scoring the classifier for use on another laboratory's images, with the classifier that names colors."""

import json
import re
import sys

import pandas as pd
import pytest
from PIL import Image

from stages import external
from tests import color_package
from tests.color_package import COLORS

PARAMS = r"""
external:
  abroad:
    archive: abroad
    labels: {lympho: lymphocyte}
  patients:
    archive: abroad
    labels: {lympho: lymphocyte}
    groups: '(?P<patient>[^/]+)/\d\.png'
  close: {archive: framed, crop: 0.5}
  wrong: {archive: abroad, labels: {lymhpo: lymphocyte}}
  nothing: {archive: strange}
  formulas: {archive: formulas}
  misspelled: {archive: misspelled}
intervals: {confidence_level: 0.95}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with a shipped classifier, and data sets of other laboratories."""
    root = tmp_path_factory.mktemp("external")
    color_package.deploy(root)
    (root / "params.yaml").write_text(PARAMS)
    (root / "reports/crossval").mkdir(parents=True)
    (root / "reports/deployed").mkdir()
    for table in ("predictions", "roc", "pr"):
        (root / f"reports/crossval/{table}.csv").write_text("class\n")
    interval = {"low": 0.8, "high": 1.0}
    cells = {"accuracy": 0.91, "balanced_accuracy": 0.9}
    metrics = {"synthetic": 1, "cells": cells, "intervals": {"cells": dict.fromkeys(cells, interval)}}
    (root / "reports/crossval/metrics.json").write_text(json.dumps(metrics))
    home = {"ece": {"after": 0.02}, "coverage_asked": 0.9, "coverage": 0.93, "set_size": 1.1}
    home |= {"answered": 0.8, "accuracy_answered": 0.95, "ood": 0.01}
    (root / "reports/deployed/calibration.json").write_text(json.dumps(home))

    def save(path, color, frame=None):
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.new("RGB", (40, 40), frame or color)
        image.paste(color, (10, 10, 30, 30))
        image.save(path)

    for name, color in zip(["basophil", "eosinophil", "lympho"], COLORS, strict=True):
        save(root / f"abroad/{name}/0.png", color)
        save(root / f"framed/{name.replace('lympho', 'lymphocyte')}/0.png", color, frame=COLORS[0])
        save(root / f"strange/x{name}/0.png", color)
        save(root / f"formulas/{name}/=1+1.png", color)
        for number in range(3):
            save(root / f"misspelled/{name.capitalize()}s/{number}.png", (255, 255, 255))
        save(root / f"formulas/=cmd/{name}.png", color)
    save(root / "abroad/eosinophil/1.png", COLORS[0])  # called basophil
    save(root / "abroad/platelet/0.png", (255, 255, 255))
    (root / "abroad/basophil/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n cut off")
    return root


def run(project, monkeypatch, name):
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "argv", ["external", name])
    external.main()
    folder = project / "reports/external" / name
    return json.loads((folder / "metrics.json").read_text()), (folder / "README.md").read_text(encoding="utf-8")


def test_known_classes_are_scored_and_unknown_ones_should_be_abstained_from(project, monkeypatch):
    metrics, page = run(project, monkeypatch, "abroad")
    assert metrics["images"] == 4
    assert metrics["known"]["accuracy"] == 0.75
    assert metrics["known"]["balanced_accuracy"] == pytest.approx((1 + 0.5 + 1) / 3, abs=1e-3)
    assert metrics["unknown"] == {"platelet": {"images": 1, "abstained": 1.0, "ood": 1.0}}
    assert [file["path"] for file in metrics["unreadable"]] == ["basophil/broken.png"]
    assert "| Accuracy | 0.75 (" in page and "| 0.91 (0.80–1.00) |" in page
    assert re.search(r"\| platelet \| 1 \| 100.{0,6}% \| 100.{0,6}% \|", page)
    assert "basophil/broken.png" in page and "trained on drawn cells" in page
    predictions = pd.read_csv(project / "reports/external/abroad/predictions.csv")
    assert predictions["predicted"].tolist()[:4] == ["basophil", "eosinophil", "basophil", "lymphocyte"]
    assert predictions["label"].tolist() == ["basophil", "eosinophil", "eosinophil", "lymphocyte", "platelet"]


def test_images_that_belong_together_are_resampled_together(project, monkeypatch):
    metrics, page = run(project, monkeypatch, "patients")
    alone, _ = run(project, monkeypatch, "abroad")
    assert (metrics["level"], metrics["groups"]) == ("patient", 3)
    assert (alone["level"], alone["groups"]) == ("image", 4)
    assert metrics["known"] == alone["known"]
    assert "3 groups (patient)" in page


def test_no_cell_of_the_table_is_run_by_a_spreadsheet(project, monkeypatch):
    run(project, monkeypatch, "formulas")
    table = pd.read_csv(project / "reports/external/formulas/predictions.csv", dtype=str)
    assert table["label"].tolist().count("'=cmd") == 3
    assert table["path"].tolist().count("'=cmd/basophil.png") == 1


def test_class_names_that_nearly_match_are_noted_and_reasons_for_distrust_are_listed(project, monkeypatch, capsys):
    metrics, page = run(project, monkeypatch, "misspelled")
    assert "Basophils = basophil" in capsys.readouterr().out
    assert any("out of distribution" in concern for concern in metrics["concerns"])
    assert all(concern.split(";")[0][:20] in page for concern in metrics["concerns"])


def test_a_crop_looks_at_the_middle_only(project, monkeypatch):
    metrics, page = run(project, monkeypatch, "close")
    assert metrics["known"]["accuracy"] == 1.0
    assert re.search("the central 50.{0,6}% of each side", page)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("wrong", r"`labels` names lymhpo"),
        ("nothing", r"No image is of a class that the classifier knows \(basophil, eosinophil, lymphocyte\)"),
        ("elsewhere", r"NAME one of: abroad, patients, close, wrong, nothing, formulas, misspelled"),
    ],
)
def test_a_mistake_is_named_with_what_to_type(project, monkeypatch, capsys, name, message):
    with pytest.raises(SystemExit):
        run(project, monkeypatch, name)
    printed = capsys.readouterr().err
    assert "Traceback" not in printed
    assert re.search(message, printed)
    assert not (project / "reports/external" / name).exists()
