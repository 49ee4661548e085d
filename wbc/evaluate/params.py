"""Section `intervals` of params.yaml."""

import pydantic

from wbc.common.params import Section


class IntervalParams(Section):
    """How confidence intervals are computed."""

    confidence_level: float = pydantic.Field(ge=0.5, le=0.999)  # share of such intervals that hold the true value
    n_resamples: int = pydantic.Field(ge=100, le=100_000)
    seed: int = pydantic.Field(ge=0, lt=2**32)
