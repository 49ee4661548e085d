"""Section `intervals` of params.yaml."""

import pydantic

from wbc.common.params import Section


class IntervalParams(Section):
    """Confidence intervals."""

    confidence_level: float = pydantic.Field(ge=0.5, le=0.999)  # share of such intervals that hold the true value
