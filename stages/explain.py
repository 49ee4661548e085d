"""explain: where in the images that it named wrongly the classifier saw the class.

    python -m stages.explain

Reads data/images/, data/features/backbone.pb, the heads in models/ and reports/<scheme>/predictions.csv. It writes

    reports/heat_maps.json   {scheme: {path: map}}: for the surest mistakes, one per group and as many as the report
                             shows, how much each place of the image speaks for the class that it was given, 0-1, row by
                             row (see `wbc.plot.heat_maps`)
"""

import functools
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from wbc.common import params
from wbc.common.errors import exit_on_user_error
from wbc.common.files import read_json, write_json
from wbc.common.images import decode, resize
from wbc.common.progress import track
from wbc.common.tables import read_csv, read_splits
from wbc.plot.heat_maps import HeatMaps
from wbc.plot.mistakes import one_per_group
from wbc.plot.params import PlotParams
from wbc.split.schemes import CROSSVAL, SCHEMES
from wbc.train.head import Head, heads_of_fold, load_head


@exit_on_user_error
def main() -> None:
    """Make the maps."""
    shown = params.load("params.yaml", "plot", PlotParams).mistakes
    _, _, classes = read_splits("data/splits.csv")
    facts = read_json("data/features/features.json")
    size = facts["image_size"]
    maker = HeatMaps(Path("data/features/backbone.pb").read_bytes(), size, facts["test_views"])
    mistakes = [(scheme, row, heads) for scheme in SCHEMES for row, heads in with_heads(scheme, shown)]
    maps: dict[str, dict[str, list]] = {scheme: {} for scheme in SCHEMES}
    for scheme, row, heads in track(mistakes, "explain"):
        image = resize(decode(Path("data/images", row["path"]))[0], size)
        heat = maker.map(image, heads, classes.index(row["predicted"]))
        maps[scheme][row["path"]] = heat.tolist()
    write_json("reports/heat_maps.json", maps)


def with_heads(scheme: str, shown: int) -> Iterator[tuple[pd.Series, list[Head]]]:
    """Yield the mistakes of a scheme that are shown, as rows of its predictions, and the heads that made each."""
    predictions = read_csv(Path("reports", scheme, "predictions.csv"))
    folder = Path("models", scheme)
    of_fold = functools.cache(functools.partial(heads_of_fold, folder))  # several mistakes are of one fold
    for _, row in one_per_group(predictions).head(shown).iterrows():
        yield row, of_fold(row["fold"]) if scheme == CROSSVAL else [load_head(folder / "head.npz")]


if __name__ == "__main__":
    main()
