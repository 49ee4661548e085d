"""Section `fetch` of params.yaml."""

from typing import Annotated, Literal, Self

import pydantic

from wbc.common.params import Section, one_of
from wbc.fetch.drawn.dataset import SyntheticParams

SOURCES = ("synthetic", "archive", "kaggle")  # values of `fetch.source`

FileName = Annotated[str, pydantic.Field(min_length=1)]


class KaggleParams(Section):
    """A public Kaggle data set."""

    dataset: str = pydantic.Field(pattern=r"^[\w-]+/[\w-]+$")  # OWNER/NAME
    version: int = pydantic.Field(ge=1)
    sha256: str | None = pydantic.Field(pattern=r"^[0-9a-f]{64}$")  # of the zip; null: not compared, but recorded


class FetchParams(Section):
    """Source of the images, and treatment of bad ones."""

    source: one_of(SOURCES)  # type: ignore[valid-type]
    on_bad_image: Literal["stop", "quarantine"]
    on_mask: Literal["stop", "keep"]
    archive: str = pydantic.Field(min_length=1)  # a zip or a folder of class folders
    layout: str | None = pydantic.Field(min_length=1)  # such as "{class}/{patient}/*"; null: plain layouts only
    labels: FileName | None  # in data/labels/, instead of folders
    exclude: FileName | None  # in data/labels/
    relabel: FileName | None
    kaggle: KaggleParams
    synthetic: SyntheticParams

    @pydantic.model_validator(mode="after")
    def labels_or_layout(self) -> Self:
        """Refuse a layout together with labels, since both give the class of an image."""
        if self.layout is not None and self.labels is not None:
            raise ValueError("layout and labels both give the class of an image: set one of them to null")
        return self
