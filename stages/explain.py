"""explain: where in the images that it named wrongly the classifier saw the class, and what it says of other pictures.

    python -m stages.explain

Reads data/raw/, data/features/backbone.pb, the heads in models/, models/use/ and reports/<scheme>/predictions.csv. It
writes

    reports/heat_maps.json   {scheme: {path: map}}: for the surest mistakes, one per group and as many as the report
                             shows, how much each place of the image speaks for the class that it was given, 0-1, row by
                             row (see `wbc.prediction.heat_maps`)
    reports/strangers.json   {kind: {"images", "abstained", "unlike": shares of them}}: what the classifier for use says
                             of pictures that show no white cell (see `wbc.synthetic.strangers`); to abstain is right
"""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from wbc.core import params
from wbc.core.errors import exit_on_user_error
from wbc.core.files import read_json, write_json
from wbc.core.progress import track
from wbc.core.protocols import CROSSVAL, SCHEMES
from wbc.core.tables import read_csv, read_splits
from wbc.data.images import decode, resize
from wbc.features.engines import Engine
from wbc.models.head import load_head
from wbc.prediction.decision import UNLIKE
from wbc.prediction.heat_maps import HeatMaps
from wbc.prediction.predict import Classifier
from wbc.prediction.sources import Source
from wbc.reporting.mistakes import one_per_group
from wbc.reporting.plot_params import PlotParams
from wbc.synthetic.strangers import strangers


@exit_on_user_error
def main() -> None:
    """Make the maps."""
    shown = params.load("params.yaml", "plot", PlotParams).mistakes
    _, _, classes = read_splits("data/splits.csv")
    facts = read_json("data/features/features.json")
    size = facts["image_size"]
    engine = Engine("openvino", Path("data/features/backbone.pb").read_bytes(), size)
    maker = HeatMaps(engine, facts["test_views"])
    mistakes = [(scheme, row, head) for scheme in SCHEMES for row, head in with_heads(scheme, shown)]
    maps: dict[str, dict[str, list]] = {scheme: {} for scheme in SCHEMES}
    for scheme, row, head in track(mistakes, "explain"):
        image = resize(decode(Path("data/raw", row["path"]))[0], size)
        heat = maker.map(image, [load_head(head)], classes.index(row["predicted"]))
        maps[scheme][row["path"]] = heat.tolist()
    write_json("reports/heat_maps.json", maps)
    classifier = Classifier("models/use")
    write_json("reports/strangers.json", {kind: share(classifier, drawn) for kind, drawn in strangers().items()})


def with_heads(scheme: str, shown: int) -> Iterator[tuple[pd.Series, Path]]:
    """Yield the mistakes of a scheme that are shown, as rows of its predictions, and the head that made each."""
    predictions = read_csv(Path("reports", scheme, "predictions.csv"))
    for _, row in one_per_group(predictions).head(shown).iterrows():
        yield row, Path("models", scheme, f"fold_{row['fold']}.npz" if scheme == CROSSVAL else "head.npz")


def share(classifier: Classifier, pictures: list[npt.NDArray[np.uint8]]) -> dict[str, float]:
    """Return from what share of some pictures the classifier abstains, and what share it calls unlike all it knows."""
    sources = [as_source(number, picture) for number, picture in enumerate(pictures)]
    reasons = [prediction.reason for prediction in classifier.predict_sources(sources)]
    count = len(reasons)
    return {
        "images": count,
        "abstained": sum(reason != "" for reason in reasons) / count,
        "unlike": sum(reason == UNLIKE for reason in reasons) / count,
    }


def as_source(number: int, picture: npt.NDArray[np.uint8]) -> Source:
    """Return a picture as a file that is to be predicted."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return Source(str(number), ".png", file.getvalue)


if __name__ == "__main__":
    main()
