"""The figures of the report and of the model card. The same table gives the same bytes."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from wbc.common.wording import plural
from wbc.plot.comparison import Estimate
from wbc.plot.drawing import (
    BLACK,
    BLUE,
    GRAY,
    GREEN,
    LETTER,
    NARROW,
    SOFT,
    VERMILION,
    WIDE,
    layout_of,
    longest_line,
    new_figure,
    shorten,
    styled,
)

Pixels = npt.NDArray[np.uint8]  # (height, width, 3), RGB 0-255


@styled
def confusion(
    truth: Sequence[str],
    predicted: Sequence[str],
    groups: Sequence[int],
    classes: Sequence[str],
    title: str,
    note: str = "",
    colormap: str = "Blues",
    unit: str = "cell",
) -> Figure:
    """Draw a confusion matrix: one row per true class, with counts, and shares of the row as text and color.

    Args:
        truth, predicted: class names of the scored images, in the same order.
        groups: number of each image's group; a row's label counts the groups.
        classes: all class names, in the order of rows and columns.
        title: first line above the figure.
        note: a label below the title, such as a warning about the data; "" for none.
        colormap: a Matplotlib colormap that runs from light (0 % of the row) to dark (100 %).
        unit: the word for a group, see `results.Run.unit`.
    """
    # Not scikit-learn's, whose import takes longer than this counting.
    both = (pd.Categorical(names, categories=classes) for names in (truth, predicted))
    counts = pd.crosstab(*both, dropna=False).to_numpy()
    support = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, support, out=np.full(counts.shape, np.nan), where=support > 0)
    of_class = {name: np.asarray(groups)[np.asarray(truth) == name] for name in classes}
    rows = [
        f"{shorten(name)}\n{plural(total, 'image')}, {plural(len(np.unique(of_class[name])), unit)}"
        for name, total in zip(classes, support[:, 0], strict=True)
    ]
    columns = [shorten(name) for name in classes]
    # A square must hold "1234" over "100%", so with more than a dozen classes the figure grows.
    beside = 0.6 + LETTER * max(map(longest_line, rows))
    size = max(WIDE, beside + 0.4 * len(classes))
    cell = min(0.85, (size - beside) / len(classes))
    tilted = LETTER * (2 + max(map(longest_line, columns))) > cell  # two letters between neighbors
    if tilted:
        columns = [shorten(name, lines=1) for name in classes]
    below = 0.5 + 0.65 * LETTER * max(map(longest_line, columns)) if tilted else 0.8
    figure = new_figure(title, "images, and share of the true class", note, cell * len(classes) + below, size)
    axes = figure.subplots()
    _squares(axes, counts, shares, colormap, letters=10 if cell > 0.6 else 8)
    ticks = np.arange(len(classes)) + 0.5
    axes.set_xticks(ticks, columns)
    if tilted:
        axes.tick_params(axis="x", labelrotation=40)
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    axes.set_yticks(ticks, rows)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="predicted class", ylabel="true class", aspect="equal")
    axes.invert_yaxis()
    return figure


def _squares(axes: Axes, counts: np.ndarray, shares: np.ndarray, colormap: str, letters: int) -> None:
    """Draw the squares of a confusion matrix, each colored by its share and with its count and share as text."""
    # Squares of a mesh stay sharp at every size; an image in an SVG is blurred by some viewers.
    mesh = axes.pcolormesh(shares, cmap=colormap, vmin=0, vmax=1, edgecolors="white", linewidth=1.5)
    for row, column in np.ndindex(counts.shape):
        share, count = shares[row, column], counts[row, column]
        if np.isnan(share):
            text, color = "–", SOFT
        elif count:
            text, color = f"{count}\n{share:.0%}", _readable_on(mesh.cmap(share))
        else:
            text, color = "0", "#767676"
        axes.text(column + 0.5, row + 0.5, text, color=color, ha="center", va="center", fontsize=letters)


@styled
def history(epochs: pd.DataFrame, best_epoch: int, title: str, note: str = "") -> Figure:
    """Draw accuracy, loss and, if it changes, learning rate over the epochs, and mark the kept epoch.

    Args:
        epochs: data frame with the columns epoch (from 1), loss, accuracy and learning_rate, and, where there are
            validation images, val_loss and val_accuracy.
        best_epoch: the epoch whose weights were kept.
        title, note: as in `confusion`.
    """
    drops = epochs["learning_rate"].nunique() > 1
    figure = new_figure(title, "", note, 4.6 if drops else 3.8)
    panels = figure.subplots(3 if drops else 2, sharex=True, height_ratios=[3, 3, 1.2] if drops else [1, 1])
    marker = "." if len(epochs) <= 30 else None
    for axes, column in zip(panels, ("accuracy", "loss"), strict=False):
        axes.plot(epochs["epoch"], epochs[column], color=BLUE, marker=marker, label="train")
        if f"val_{column}" in epochs:
            axes.plot(epochs["epoch"], epochs[f"val_{column}"], color=VERMILION, marker=marker, ls="--", label="valid")
        axes.set_ylabel(column)
    if drops:
        panels[2].step(epochs["epoch"], epochs["learning_rate"], where="mid", color=BLACK, lw=1.2)
        panels[2].set(yscale="log", ylabel="learning\nrate")
        rates = sorted(epochs["learning_rate"].unique())
        rates = rates if len(rates) <= 4 else [rates[0], rates[-1]]
        panels[2].set_yticks(rates, [f"{rate:.2g}" for rate in rates])
        panels[2].set_yticks([], minor=True)
    for axes in panels:
        axes.axvline(best_epoch, color=GREEN, lw=1.2, ls=":", label="_" if axes is not panels[0] else "epoch kept")
        axes.grid(axis="y")
    panels[0].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    panels[-1].set_xlabel("epoch")
    figure.align_ylabels()
    handles, labels = panels[0].get_legend_handles_labels()
    labels[-1] = f"epoch kept: {best_epoch}"
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


@styled
def roc(curves: pd.DataFrame, auc: dict[str, str], title: str, note: str = "") -> Figure:
    """Draw ROC curves, one class against all others: a panel per class, with the other classes in gray behind.

    Args:
        curves: data frame with the columns class, fpr and tpr; a class without a curve has no rows.
        auc: {class: text below its name, such as "AUC 0.90"}; the panels are in its order.
        title, note: as in `confusion`.
    """
    chance = dict.fromkeys(auc, ([0, 1], [0, 1]))
    labels = ("false positive rate (1 − specificity)", "true positive rate (recall)")
    return _panels(curves, ("fpr", "tpr"), chance, auc, labels, title, note)


@styled
def pr(
    curves: pd.DataFrame, prevalence: dict[str, float], precision: dict[str, float | None], title: str, note: str = ""
) -> Figure:
    """Draw precision-recall curves: a panel per class, with its share of the scored images as the no-skill line.

    Args:
        curves: data frame with the columns class, recall and precision, recall falling, as scikit-learn returns them; a
            class without a curve has no rows.
        prevalence: {class: its share of the scored images, 0-1}; the panels are in its order.
        precision: {class: its average precision, 0-1, or None where it isn't defined}.
        title, note: as in `confusion`.
    """
    chance = {name: ([0, 1], [share, share]) for name, share in prevalence.items()}
    titles = {name: "AP –" if precision[name] is None else f"AP {precision[name]:.2f}" for name in prevalence}
    return _panels(curves, ("recall", "precision"), chance, titles, ("recall", "precision"), title, note, "steps-post")


@styled
def mistakes(rows: Sequence[tuple[Pixels, str, str, float]], title: str, note: str = "") -> Figure:
    """Draw thumbnails of misclassified images, each with its heat map, its true and its predicted class.

    Args:
        rows: one (pixels, true class, predicted class, probability of the predicted class) per image; pixels are uint8
            arrays (side, 2 * side, 3), values 0-255. At least one.
        title, note: as in `confusion`.
    """
    across = 3
    down = math.ceil(len(rows) / across)
    captions = [f"{shorten(truth, 20)} →\n{shorten(called, 20)}, {chance:.2f}" for _, truth, called, chance in rows]
    tall = 1.55 + 0.15 * max(caption.count("\n") for caption in captions)
    figure = new_figure(title, "true class → predicted class, and its probability", note, tall * down + 0.15, WIDE)
    grid = figure.subplots(down, across, squeeze=False).flatten()
    for axes, (pixels, *_), caption in zip(grid, rows, captions, strict=False):
        axes.imshow(pixels)
        axes.set_title(caption, fontsize=9)
    for axes in grid:
        axes.set_axis_off()
    return figure


@styled
def near_duplicates(rows: Sequence[tuple[str, int, Sequence[Pixels]]], title: str, note: str = "") -> Figure:
    """Draw thumbnails of sets of near-duplicates, a row per set, for a check by eye.

    Args:
        rows: one (label, number of images, thumbnails) per group; thumbnails are uint8 arrays (side, side, 3), values
            0-255. At least one.
        title, note: as in `confusion`.
    """
    across = max(len(thumbnails) for *_, thumbnails in rows)
    beside = 1.35
    side = min(1.1, (WIDE - beside - 0.1) / across)
    figure = new_figure(title, "each row: one set", note, side * len(rows), WIDE)
    layout_of(figure).set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    widths = [beside, *[side] * across, WIDE - beside - side * across]
    grid = figure.subplots(len(rows), across + 2, squeeze=False, width_ratios=widths)
    for line, (label, count, thumbnails) in zip(grid, rows, strict=True):
        line[0].text(0, 0.5, f"{shorten(label, 16)}\n{count:,} images", va="center", fontsize=9)
        for axes, pixels in zip(line[1:], thumbnails, strict=False):
            axes.imshow(pixels)
    for axes in grid.flatten():
        axes.set_axis_off()
    return figure


@styled
def composition(counts: dict[str, tuple[int, int]], title: str, note: str = "", unit: str = "cell") -> Figure:
    """Draw two bars per class: the number of images, and the number of cells or other groups.

    Args:
        counts: {class: (images, groups)}.
        title, note, unit: as in `confusion`.
    """
    figure = new_figure(title, "", note, 0.6 * len(counts) + 0.9)
    axes = figure.subplots()
    rows = np.arange(len(counts))
    longest = max(images for images, _ in counts.values())
    kinds = ((-0.19, GRAY, "images"), (0.19, VERMILION, f"{unit}s that they show"))
    for which, (offset, color, name) in enumerate(kinds):
        numbers = [pair[which] for pair in counts.values()]
        axes.barh(rows + offset, numbers, height=0.34, color=color, label=name)
        for row, value in zip(rows, numbers, strict=True):
            axes.text(value + 0.02 * longest, row + offset, f"{value:,}", va="center", fontsize=9)
    axes.set_yticks(rows, [shorten(name, width=14) for name in counts])
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=4))
    axes.set(xlim=(0, 1.15 * longest), ylim=(len(counts) - 0.5, -0.5), xlabel="number")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


@styled
def recalls(scores: dict[str, dict[str, Estimate]], title: str, key: str = "", note: str = "") -> Figure:
    """Draw the recall of each class as dots, with one kind of marker for each series and its interval as a line.

    Args:
        scores: {series: {class: `comparison.Estimate`}}, at most four series with the same classes in the same
            order. A score without a value is left out. The last row of the plot is set off as the mean.
        key: the unit that counts, and the meaning of the lines.
        title, note: as in `confusion`.
    """
    classes = list(next(iter(scores.values())))
    figure = new_figure(title, key, note, 0.5 * len(classes) + 1.5)
    axes = figure.subplots()
    # Vermilion is by cell, filled where cross-validated; blue is split by file.
    kinds: list[dict[str, Any]] = [
        {"marker": "D", "color": VERMILION},
        {"marker": "D", "color": VERMILION, "markerfacecolor": "white"},
        {"marker": "o", "color": BLUE},
        {"marker": "s", "color": BLACK, "markerfacecolor": "white"},
    ]
    rows = np.arange(len(classes))
    for index, ((series, values), kind) in enumerate(zip(scores.items(), kinds, strict=False)):
        x = np.array([recall.value for recall in values.values()], float)  # NaN for None
        # Markers of one class are offset vertically, so that equal scores don't hide each other.
        y = rows + (index - (len(scores) - 1) / 2) * 0.2
        for row, recall in zip(y, values.values(), strict=True):
            if recall.low is not None and recall.high is not None:
                axes.plot([recall.low, recall.high], [row, row], color=kind["color"], lw=1.2, zorder=2)
        axes.plot(x, y, ls="none", ms=6, clip_on=False, label=series, zorder=3, **kind)
    axes.set_yticks(rows, [shorten(name, width=14) for name in classes])
    axes.set_yticks(rows[:-1] + 0.5, minor=True)
    axes.grid(axis="x")
    axes.grid(axis="y", which="minor")
    axes.axhline(len(classes) - 1.5, color=BLACK, lw=0.8)
    axes.tick_params(axis="y", which="both", length=0)
    axes.spines["left"].set_visible(False)
    axes.set(xlim=(0, 1), ylim=(len(classes) - 0.5, -0.5), xlabel="recall")
    figure.legend(loc="outside lower left", ncols=1)
    return figure


@styled
def reliability(bins: list[dict[str, float]], before: float, after: float, title: str, note: str = "") -> Figure:
    """Draw a reliability diagram: the share of correct predictions against their probability.

    Args:
        bins: as `wbc.export.calibration.reliability` returns them, calibrated.
        before, after: expected calibration error without and with the temperature.
        title, note: as in `confusion`.
    """
    key = f"area of a dot: share of the images; calibration error {after:.3f}, uncalibrated {before:.3f}"
    figure = new_figure(title, key, note, 3.9)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=BLACK, lw=1, ls="--", zorder=1)
    x, y, share = ([entry[key] for entry in bins] for key in ("confidence", "accuracy", "weight"))
    for confidence, accuracy, part in zip(x, y, share, strict=True):
        axes.plot([confidence, confidence], [confidence, accuracy], color=GRAY, lw=max(0.5, 6 * part**0.5), zorder=2)
    axes.scatter(x, y, s=[max(3, 400 * part) for part in share], color=VERMILION, zorder=3, clip_on=False)
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
    axes.set(xlabel="probability of the predicted class", ylabel="share classified correctly")
    return figure


@styled
def risk_coverage(risk: dict[float, float], title: str, note: str = "") -> Figure:
    """Draw the share of mistakes among the most confident images, against the share of the images answered.

    Args:
        risk: {share of the images that are answered, the most confident first, 0-1: share of mistakes among them}.
        title, note: as in `confusion`.
    """
    figure = new_figure(title, "", note, 3.0)
    axes = figure.subplots()
    axes.plot(list(risk), list(risk.values()), color=VERMILION, marker="o", clip_on=False)
    axes.grid(axis="y")
    ticks = list(risk)
    axes.set_xticks(ticks, [f"{100 * part:.0f} %" for part in ticks])
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g} %")
    axes.set(ylim=(0, max(0.005, 1.05 * max(risk.values()))))
    axes.set(xlabel="images answered, the most confident first", ylabel="share misclassified")
    return figure


@styled
def robustness(table: pd.DataFrame, title: str, note: str = "") -> Figure:
    """Draw balanced accuracy against the strength of each perturbation, a panel per kind with the other kinds in gray.

    Args:
        table: data frame with the columns perturbation, strength (0 for none) and balanced_accuracy.
        title, note: as in `confusion`.
    """
    kinds = table["perturbation"].unique()
    down = math.ceil(len(kinds) / 2)
    figure = new_figure(title, "blue: this kind; gray: the others; to the right: stronger", note, 1.5 * down + 0.4)
    grid = figure.subplots(down, 2, sharex=True, sharey=True, squeeze=False).flatten()
    lines = {kind: rows[["strength", "balanced_accuracy"]].to_numpy().T for kind, rows in table.groupby("perturbation")}
    for axes, kind in zip(grid, kinds, strict=False):
        for drawn in kinds:
            axes.plot(*lines[drawn], color=BLUE if drawn == kind else GRAY, lw=2 if drawn == kind else 1)
        axes.lines[list(kinds).index(kind)].set_zorder(3)
        axes.set(title=kind, ylim=(0, 1.02), xticks=[0, 1, 3, 5], yticks=[0, 0.5, 1])
    for axes in grid[len(kinds) :]:
        axes.set_axis_off()
    figure.supxlabel("strength", fontsize=10)
    figure.supylabel("balanced accuracy", fontsize=10)
    return figure


def _panels(
    curves: pd.DataFrame,
    columns: tuple[str, str],
    chance: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    titles: dict[str, str],
    labels: tuple[str, str],
    title: str,
    note: str,
    drawstyle: str = "default",
) -> Figure:
    """Draw a panel per class: its curve, the other curves in gray, and dashes for guessing."""
    classes = list(chance)
    across = min(2, len(classes))
    down = math.ceil(len(classes) / across)
    key = "blue: this class; gray: the other classes; dashes: guessing"
    figure = new_figure(title, key, note, ((NARROW - 0.6) / across + 0.35) * down + 0.5)
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).flatten()
    lines = {name: _thinned(rows[list(columns)].to_numpy()).T for name, rows in curves.groupby("class", sort=False)}
    for index, (axes, name) in enumerate(zip(grid, classes, strict=False)):
        for drawn, line in lines.items():
            if drawn != name:
                axes.plot(*line, color=GRAY, lw=1, zorder=1, drawstyle=drawstyle)
        axes.plot(*chance[name], color=BLACK, lw=1, ls="--", zorder=2)
        if name in lines:
            axes.plot(*lines[name], color=BLUE, lw=2, zorder=3, drawstyle=drawstyle)
            axes.set_title(f"{shorten(name)}\n{titles[name]}")
        else:
            axes.set_title(f"{shorten(name)}\nnot defined")
        if index + across >= len(classes):  # the lowest panel of its column
            axes.tick_params(labelbottom=True)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal", xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
    for axes in grid[len(classes) :]:
        axes.set_axis_off()
    figure.supxlabel(labels[0], fontsize=10)
    figure.supylabel(labels[1], fontsize=10)
    return figure


def _thinned(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the points of a curve without those that look like the one before, for small files in Git."""
    steps = np.any(np.diff(np.rint(points * 150), axis=0) != 0, axis=1)  # a panel is about 130 points wide
    return points[np.r_[True, steps]] if len(points) < 3 else points[np.r_[True, steps[:-1], True]]


def _readable_on(color: Sequence[float]) -> str:
    """Return black or white, whichever has the greater contrast with an RGB color (WCAG's relative luminance)."""
    levels = [level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4 for level in color[:3]]
    luminance = 0.2126 * levels[0] + 0.7152 * levels[1] + 0.0722 * levels[2]
    return "white" if luminance < 0.179 else "black"
