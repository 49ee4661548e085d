"""What the section `plot` of params.yaml holds."""

from typing import Literal

from pydantic import Field

from wbc.common.params import Section


class PlotParams(Section):
    """Section `plot` of params.yaml."""

    # Each runs from light to dark in one direction, so that it reads in gray print and with every color vision.
    colormap: Literal["Blues", "Greens", "Greys", "Oranges", "Purples"]
    mistakes: int = Field(ge=0, le=60)  # shown per scheme; 0 keeps pictures of cells out of the report, and of Git
    near_duplicates: int = Field(ge=0, le=10)  # groups shown; 0 likewise
    min_cells: int = Field(ge=2, le=100)  # from fewer cells of a class its recall is called not estimable
