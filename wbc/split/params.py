"""Section `split` of params.yaml."""

from typing import Self

import pydantic

from wbc.common.params import Section


class SplitParams(Section):
    """Grouping and division of the images."""

    groups: str | None = pydantic.Field(min_length=1)  # a CSV in data/given/, or a pattern over file names
    search: bool  # for near-duplicates
    parts: str | None = pydantic.Field(min_length=1)  # a CSV in data/given/, or "manifest": the data set's parts
    seed: int = pydantic.Field(ge=0, lt=2**32)
    train: float = pydantic.Field(gt=0, lt=1)
    valid: float = pydantic.Field(ge=0, lt=1)
    folds: int = pydantic.Field(ge=2, le=20)

    @pydantic.model_validator(mode="after")
    def leaves_something_to_test(self) -> Self:
        """Refuse shares that leave nothing for the test part."""
        if self.train + self.valid >= 1:
            raise ValueError(f"train {self.train} and valid {self.valid} leave no images for the test part")
        return self
