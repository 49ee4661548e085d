"""The sections `plot` and `report` of params.yaml."""

from typing import Literal

from pydantic import Field

from wbc.common.params import Section


class PlotParams(Section):
    """Section `plot`: the figures."""

    # Each runs from light to dark in one direction, so that it reads in gray print and with every color vision.
    colormap: Literal["Blues", "Greens", "Greys", "Oranges", "Purples"]
    mistakes: int = Field(ge=0, le=60)  # shown per scheme; 0 keeps pictures out of the report, and of Git
    near_duplicates: int = Field(ge=0, le=10)  # sets shown; 0 likewise
    min_cells: int = Field(ge=2, le=100)  # the recall of a class with fewer scored cells is not estimable


class ReportParams(Section):
    """Section `report`: the words of the report and the cards that depend on the project."""

    title: str = Field(min_length=1, max_length=100)  # of the pages
    unit: str = Field(min_length=1, max_length=30)  # what an image shows, in the singular: cell, lesion, …
    note: str | None = Field(max_length=300)  # a sentence at the top of the pages and on the figures
