"""The figure of a backbone's training: loss and accuracy of each epoch, with the image size of each phase."""

import itertools
from collections.abc import Iterator

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from wbc.plot.drawing import BLUE, GREEN, VERMILION, WIDE, layout_of, styled

LABELS = {
    "train": "training images, shifted",
    "shifted": "validation images, shifted",
    "plain": "validation images as they are",
}


@styled
def pretraining_curves(epochs: pd.DataFrame, best_epoch: int) -> Figure:
    """Return a figure of loss and accuracy over the epochs; the background shows the phases of one image size.

    Training images are scored by the weights of each step, validation images by the running average of the weights.

    Args:
        epochs: data frame, one row per epoch, with the columns of `backbone_training.pretrain`'s history.
        best_epoch: the epoch whose weights were kept.
    """
    figure = Figure(figsize=(WIDE, 5.6), layout="constrained")
    layout_of(figure).set(w_pad=0.08, h_pad=0.06)
    panels = figure.subplots(2, sharex=True)
    marks = {"train": (BLUE, "-"), "shifted": (VERMILION, "--"), "plain": (GREEN, "-.")}
    columns = [
        {"train": "loss", "shifted": "shifted_loss"},
        {"train": "accuracy", "shifted": "shifted_accuracy", "plain": "plain_accuracy"},
    ]
    for axes, name, shown in zip(panels, ("loss (cross-entropy)", "accuracy"), columns, strict=True):
        for series, column in shown.items():
            color, line = marks[series]
            axes.plot(epochs["epoch"], epochs[column], color=color, ls=line, marker=".", label=LABELS[series])
        axes.set_ylabel(name)
        axes.grid(axis="y")
        axes.axvline(best_epoch, color="black", lw=1, ls=":", label=f"epoch kept: {best_epoch}")
        _shade_phases(axes, epochs)
    panels[0].set_title("Training of the blood backbone", loc="left", fontweight="bold", fontsize=11, pad=18)
    panels[0].set_ylim(bottom=0)
    for start, _, size in _phases(epochs):
        panels[0].annotate(f"{size} px", (start, 1.02), xycoords=("data", "axes fraction"), fontsize=9, color="#595959")
    panels[1].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    panels[1].set(xlabel="epoch", xlim=(epochs["epoch"].min() - 0.5, epochs["epoch"].max() + 0.5))
    figure.legend(*panels[1].get_legend_handles_labels(), loc="outside lower left", ncols=2, fontsize=9)
    figure.align_ylabels()
    return figure


def _phases(epochs: pd.DataFrame) -> Iterator[tuple[float, float, int]]:
    """Yield (start, end, image size) of each run of epochs at one size, in epochs, half an epoch around the marks."""
    for size, run in itertools.groupby(zip(epochs["epoch"], epochs["image_size"], strict=True), lambda pair: pair[1]):
        numbers = [epoch for epoch, _ in run]
        yield numbers[0] - 0.5, numbers[-1] + 0.5, size


def _shade_phases(axes: Axes, epochs: pd.DataFrame) -> None:
    for number, (start, end, _) in enumerate(_phases(epochs)):
        if number % 2:
            axes.axvspan(start, end, color="#F2F2F2", zorder=0, lw=0)
