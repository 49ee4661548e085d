"""The figures say what their tables say: read back from the figure objects, not from pixels."""

import itertools

import numpy as np
import pandas as pd
import pytest

from wbc.plot import figures
from wbc.plot.comparison import Estimate


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_confusion_shows_counts_and_shares_of_the_true_class():
    truth, predicted, groups = ["a", "a", "a", "a", "b"], ["a", "a", "a", "b", "b"], [0, 0, 1, 1, 2]
    figure = figures.confusion(truth, predicted, groups, ["a", "b", "c"], "title")
    (axes,) = figure.axes
    assert texts(axes) == ["3\n75%", "1\n25%", "0", "0", "1\n100%", "0", "–", "–", "–"]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "a\n4 images, 2 cells",
        "b\n1 image, 1 cell",
        "c\n0 images, 0 cells",
    ]
    shares = axes.collections[0].get_array()
    np.testing.assert_array_equal(shares[:2], [[0.75, 0.25, 0], [0, 1, 0]])
    assert np.ma.getmaskarray(shares)[2].all()  # no test image of c: no share, rather than 0 %


@pytest.mark.parametrize("colormap", ["Blues", "Greys", "Oranges"])
def test_confusion_text_stands_out_from_its_cell(colormap):
    names = ["a"] * 10
    for wrong in range(11):
        predicted = ["b"] * wrong + names[wrong:]
        figure = figures.confusion(names, predicted, range(10), ["a", "b"], "title", colormap=colormap)
        axes = figure.axes[0]
        cell = axes.collections[0].cmap(1 - wrong / 10)
        white = axes.texts[0].get_color() == "white"
        light = np.dot(cell[:3], [0.3, 0.6, 0.1])
        assert light < 0.6 if white else light > 0.35


def test_history_without_validation_images_draws_train_only():
    epochs = pd.DataFrame({"epoch": [1], "loss": [1.0], "accuracy": [0.5], "learning_rate": [0.1]})
    figure = figures.history(epochs, 1, "title")
    assert len(figure.axes) == 2  # the learning rate never changes, so it has no panel
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["train", "epoch kept: 1"]


def test_history_shows_where_the_learning_rate_drops():
    epochs = pd.DataFrame({"epoch": [1, 2], "loss": [2, 1], "accuracy": [0, 1], "learning_rate": [0.1, 0.05]})
    labels = [label.get_text() for label in figures.history(epochs, 2, "title").axes[2].get_yticklabels()]
    assert labels == ["0.05", "0.1"]


@pytest.mark.parametrize("number", [2, 5, 12])
def test_roc_has_a_panel_a_class(number):
    names = [f"class {index}" for index in range(number)]
    rows = [(name, x, y) for name in names[1:] for x, y in ((0, 0), (0.1, 0.9), (1, 1))]
    curves = pd.DataFrame(rows, columns=["class", "fpr", "tpr"])
    figure = figures.roc(curves, {"class 0": "AUC –"} | dict.fromkeys(names[1:], "AUC 0.90"), "title")
    titles = [axes.get_title() for axes in figure.axes if axes.axison]
    assert titles == ["class 0\nnot defined"] + [f"{name}\nAUC 0.90" for name in names[1:]]
    own = [line for line in figure.axes[1].lines if line.get_color() == figures.BLUE]
    assert len(own) == 1 and own[0].get_xydata().tolist() == [[0, 0], [0.1, 0.9], [1, 1]]


def test_pr_marks_the_prevalence_of_each_class():
    curves = pd.DataFrame({"class": ["a", "b"], "recall": [1.0, 1.0], "precision": [0.3, 0.7]})
    figure = figures.pr(curves, {"a": 0.3, "b": 0.7}, {"a": 0.5, "b": None}, "title")
    dashes = [line.get_ydata()[0] for axes in figure.axes for line in axes.lines if line.get_linestyle() == "--"]
    assert dashes == [0.3, 0.7]
    assert [axes.get_title() for axes in figure.axes] == ["a\nAP 0.50", "b\nAP –"]


def test_a_long_curve_is_thinned_but_keeps_its_ends_and_its_shape():
    x = np.linspace(0, 1, 5000)
    curves = pd.DataFrame({"class": "a", "fpr": x, "tpr": np.sqrt(x)})
    (line,) = [line for line in figures.roc(curves, {"a": "AUC 0.67"}, "title").axes[0].lines if line.get_lw() == 2]
    drawn = line.get_xydata()
    assert len(drawn) < 400
    assert drawn[0].tolist() == [0, 0] and drawn[-1].tolist() == [1, 1]
    np.testing.assert_allclose(np.interp(x, *drawn.T), np.sqrt(x), atol=0.01)


def test_recalls_leaves_an_undefined_recall_out_and_draws_intervals():
    one = {"a": Estimate(0.5, 0.25, 0.75), "mean": Estimate(0.5)}
    two = {"a": Estimate(few=1), "mean": Estimate(0.25)}
    axes = figures.recalls({"one": one, "two": two}, "title", "key").axes[0]
    marks = {line.get_label(): line.get_xdata() for line in axes.lines if line.get_marker() in ("o", "D")}
    np.testing.assert_array_equal(marks["one"], [0.5, 0.5])
    np.testing.assert_array_equal(marks["two"], [np.nan, 0.25])
    lines = [
        list(line.get_xdata()) for line in axes.lines if line.get_label().startswith("_child") and line.get_lw() == 1.2
    ]
    assert lines == [[0.25, 0.75]]


def test_composition_draws_images_and_cells_and_writes_both_numbers():
    axes = figures.composition({"a": (700, 4), "b": (1200, 1100)}, "title").axes[0]
    assert sorted(bar.get_width() for bar in axes.patches) == [4, 700, 1100, 1200]
    assert sorted(texts(axes)) == ["1,100", "1,200", "4", "700"]


def test_near_duplicates_have_a_row_per_set():
    picture = np.zeros((8, 8, 3), np.uint8)
    figure = figures.near_duplicates([("a", 175, [picture] * 8), ("b", 2, [picture] * 2)], "title")
    assert [len(axes.images) for axes in figure.axes].count(1) == 10
    assert [text for axes in figure.axes for text in texts(axes)] == ["a\n175 images", "b\n2 images"]


def test_reliability_puts_a_dot_per_bin_at_its_confidence_and_accuracy():
    bins = [{"confidence": 0.5, "accuracy": 0.25, "weight": 0.1}, {"confidence": 0.9, "accuracy": 1.0, "weight": 0.9}]
    axes = figures.reliability(bins, 0.2, 0.115, "title").axes[0]
    (dots,) = [collection for collection in axes.collections if len(collection.get_sizes()) == 2]
    assert dots.get_offsets().tolist() == [[0.5, 0.25], [0.9, 1.0]]
    assert dots.get_sizes()[1] > dots.get_sizes()[0]
    assert texts(axes) == [], "nothing that a bar or dot could cross"
    assert "calibration error 0.115" in " ".join(text.get_text() for text in axes.figure.texts)


def test_a_bin_of_few_images_does_not_dominate_the_reliability_diagram():
    bins = [{"confidence": 0.4, "accuracy": 1, "weight": 0.002}, {"confidence": 0.9, "accuracy": 0.9, "weight": 0.998}]
    axes = figures.reliability(bins, 0.2, 0.115, "title").axes[0]
    small, large = axes.collections[0].get_sizes()
    assert small < large / 50
    assert axes.lines[1].get_linewidth() < 1


def test_risk_coverage_draws_the_mistakes_of_the_surest():
    axes = figures.risk_coverage({0.5: 0.0, 1.0: 0.25}, "title").axes[0]
    assert axes.lines[0].get_xydata().tolist() == [[0.5, 0], [1, 0.25]]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["50 %", "100 %"]


@pytest.mark.parametrize("most", [0.0, 0.004, 0.02, 0.5])
def test_each_tick_of_few_mistakes_is_another_number(most):
    figure = figures.risk_coverage({0.5: 0.0, 1.0: most}, "title")
    figure.canvas.draw()
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert len(labels) > 2 and len(set(labels)) == len(labels)
    assert all(len(label) <= 7 for label in labels)


def test_names_of_neighboring_columns_of_the_confusion_matrix_do_not_touch():
    names = ["basophil", "eosinophil", "lymphocyte", "monocyte", "neutrophil"]
    figure = figures.confusion(names, names, range(5), names, "title")
    figure.canvas.draw()
    (axes,) = figure.axes
    assert axes.get_xlabel() == "predicted class"
    boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
    if not axes.get_xticklabels()[0].get_rotation():
        assert all(left.x1 + 5 < right.x0 for left, right in itertools.pairwise(boxes))
