"""Schema of the section `embed` of params.yaml."""

from typing import Annotated

import pydantic

from wbc.common.params import Section, one_of
from wbc.embed import engines, executors
from wbc.embed.views import ORIENTATIONS, Augmentation


class EmbedParams(Section):
    """Section `embed` of params.yaml."""

    weights: str = pydantic.Field(min_length=1)
    weights_sha256: Annotated[str, pydantic.Field(pattern=r"^[0-9a-fA-F]{64}$")] | None
    image_size: int = pydantic.Field(ge=32, le=1024)
    tta_views: int
    zooms: list[Annotated[float, pydantic.Field(ge=0.5, le=4)]] = pydantic.Field(min_length=1, max_length=10)
    views: int = pydantic.Field(ge=0, le=100)
    seed: int = pydantic.Field(ge=0, lt=2**32)
    engine: one_of([engines.AUTO, *engines.ENGINES])  # type: ignore[valid-type]
    executor: one_of(executors.EXECUTORS)  # type: ignore[valid-type]
    augmentation: Augmentation

    @pydantic.field_validator("tta_views")
    @classmethod
    def one_or_all_orientations(cls, views: int) -> int:
        """Refuse numbers other than 1 and 8; a `Literal` of them would accept `true` as 1."""
        if views not in (1, ORIENTATIONS):
            raise ValueError(f"must be 1 or {ORIENTATIONS}")
        return views

    @pydantic.field_validator("zooms")
    @classmethod
    def starts_with_the_image_as_it_is(cls, zooms: list[float]) -> list[float]:
        """Refuse zooms that don't start with 1, which is scored, and duplicate zooms."""
        if zooms[0] != 1 or len(set(zooms)) < len(zooms):
            raise ValueError(f"must start with 1, the image as it is, and name each zoom once; found {zooms}")
        return zooms
