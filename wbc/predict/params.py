"""Parameters of scoring at other laboratories: section `external` of params.yaml."""

from typing import Annotated

import pydantic

from wbc.common.params import Section


class SiteParams(Section):
    """One dataset of another laboratory."""

    archive: str = pydantic.Field(min_length=1)  # a zip or a folder of class folders
    labels: dict[str, str] = pydantic.Field(default_factory=dict)  # {their class: ours}, where the names differ
    crop: float = pydantic.Field(1.0, gt=0, le=1)  # central share of each side that is used
    groups: str | None = pydantic.Field(None, min_length=1)  # a CSV or a pattern, as `split.groups`


Name = Annotated[str, pydantic.StringConstraints(pattern=r"^[\w-]{1,60}$")]


class ExternalParams(pydantic.RootModel[dict[Name, SiteParams]]):
    """Section `external` of params.yaml: datasets by their names."""
