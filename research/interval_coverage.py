"""Coverage of confidence intervals of a recall: Wilson's by group against the cluster bootstrap.

    python -m research.interval_coverage

Draws cells with a known chance of being classified correctly. Prints how often each method's 95 % interval holds that
chance, and the mean width of the interval. See docs/decisions/0003-intervals.md.
"""

import numpy as np

from wbc.common.errors import exit_on_user_error
from wbc.evaluate.intervals import wilson

LEVEL, DRAWS, RESAMPLES, SEED = 0.95, 2000, 500, 0


@exit_on_user_error
def main() -> None:
    """Print the table."""
    random = np.random.default_rng(SEED)
    print("cells  chance  bootstrap  width  Wilson  width")
    for cells in (4, 10, 20, 50, 200):
        for chance in (0.7, 0.9, 0.95, 0.99):
            share = random.binomial(cells, chance, DRAWS) / cells
            resampled = random.binomial(cells, share[:, None], (DRAWS, RESAMPLES)) / cells
            bootstrap = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=1).T
            by_wilson = np.array([wilson(value, cells, LEVEL) for value in share])
            found = [
                f"{covered(pairs, chance):9.3f} {np.ptp(pairs, axis=1).mean():6.3f}" for pairs in (bootstrap, by_wilson)
            ]
            print(f"{cells:5} {chance:7.2f}  {found[0]} {found[1]}")


def covered(intervals: np.ndarray, chance: float) -> float:
    """Return the share of intervals (draws, 2) that hold a chance."""
    return float(np.mean((intervals[:, 0] <= chance + 1e-9) & (chance - 1e-9 <= intervals[:, 1])))


if __name__ == "__main__":
    main()
