import json

import pytest

from tools import headline


def write(root, scheme, balanced, baseline, synthetic):
    scores = {"accuracy": 0.9, "balanced_accuracy": balanced}
    simple = {"cells": {"balanced_accuracy": baseline}}
    metrics = {
        "synthetic": synthetic,
        "cells": scores,
        "intervals": {
            "confidence_level": 0.9,
            "cells": {"balanced_accuracy": {"low": balanced - 0.1, "high": balanced + 0.1}},
        },
        "baseline": {"logistic_regression": simple, "color_histogram": simple},
    }
    (root / "reports" / scheme).mkdir(parents=True)
    (root / "reports" / scheme / "metrics.json").write_text(json.dumps(metrics))


@pytest.fixture
def printed(tmp_path, monkeypatch, capsys):
    """A function that prints the headline of fabricated scores and returns it."""
    monkeypatch.chdir(tmp_path)

    def run(baseline=0.1, synthetic=0):
        for scheme, balanced in (("image", 0.85), ("grouped", 0.61), ("crossval", 0.55)):
            write(tmp_path, scheme, balanced, baseline, synthetic)
        split = {"level": "photograph", "own_parts": False}
        (tmp_path / "reports" / "details.json").write_text(json.dumps({"split": split, "truth": {"known": False}}))
        headline.main()
        return capsys.readouterr().out

    return run


def test_the_cross_validated_number_comes_first_with_its_interval(printed):
    lines = printed().splitlines()
    assert lines[2].split("  ")[0] == "cross-validated by cell" and "0.55 (0.45–0.65)" in lines[2]
    assert lines[4].startswith("split by file") and "0.85" in lines[4]
    assert any("90 % intervals" in line for line in lines)


def test_it_says_when_something_simpler_does_as_well_and_only_then(printed):
    assert "no better than logistic regression on the same features" in printed(baseline=0.5)


def test_a_head_that_is_better_is_not_talked_down(printed):
    assert "logistic regression" not in printed(baseline=0.1)


def test_drawn_cells_are_called_so(printed):
    assert "nothing about patients' cells" in printed(synthetic=1)


def test_it_names_both_pages(printed, tmp_path):
    text = printed()
    assert str(tmp_path / "reports/README.md") in text and "file://" in text and "drawn" not in text


def test_it_says_what_to_type_when_there_is_no_report(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        headline.main()
    assert "type `dvc repro`" in capsys.readouterr().err
