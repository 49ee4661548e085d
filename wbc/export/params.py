"""Sections `export` and `formats` of params.yaml."""

from typing import Literal

import pydantic

from wbc.common.params import Section


class ExportParams(Section):
    """Section `export`: the thresholds by which the deployed classifier abstains."""

    coverage: float = pydantic.Field(
        ge=0.5, le=0.999
    )  # of prediction sets: share of new groups' images whose true class is in the set
    known: float = pydantic.Field(ge=0.5, le=0.9999)  # share of known groups' images that may not be called OOD
    neighbors: int = pydantic.Field(ge=1, le=100)  # nearest training images; the OOD score is the mean distance to them


class FormatsParams(pydantic.RootModel[list[Literal["onnx", "litert"]]]):
    """File formats of other runtimes."""
