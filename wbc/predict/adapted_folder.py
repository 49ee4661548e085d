"""The folder of an adapted classifier, which is an ordinary packaged classifier."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from wbc.export.decision import save_reference
from wbc.export.framing import learned_range
from wbc.export.packaging import BACKBONE, DECISION, REFERENCE, write_facts
from wbc.predict.adaptation import Adapted, Cells
from wbc.predict.classifier import Classifier
from wbc.split.foreground import summarize
from wbc.train.head import save_head

CURVE = "learning_curve.csv"


def file_names(classifier: Classifier) -> list[str]:
    """Return the names of all files that the folder of an adapted classifier holds."""
    return [BACKBONE, DECISION, REFERENCE, CURVE, *_heads(classifier)]


def write(
    folder: Path, classifier: Classifier, adapted: Adapted, cells: Cells, foreground: Sequence[float], name: str
) -> None:
    """Write the folder without the learning curve.

    Args:
        folder: must not exist yet.
        classifier: before adaptation.
        adapted: result of the adaptation.
        cells: the labelled cells.
        foreground: share of its image that each cell covers.
        name: of the labelled cells, for the description.
    """
    folder.mkdir(parents=True)
    shutil.copyfile(classifier.folder / BACKBONE, folder / BACKBONE)
    for file, head in zip(_heads(classifier), adapted.heads, strict=True):
        save_head(head, folder / file)
    save_reference(adapted.reference, folder / REFERENCE)
    medians = summarize(map(str, cells.labels), foreground)["classes"].values()
    how = "adapted with" if adapted.is_better else "calibrated with"
    write_facts(
        folder,
        adapted.decision,
        heads=_heads(classifier),
        image_size=classifier.size,
        tta_views=classifier.tta_views,
        trained_on=f"{classifier.facts.trained_on}; {how} {len(cells.labels):,} labelled cells of {name}",
        score=f"balanced accuracy {max(adapted.before, adapted.after):.2f} on these cells, held out",
        synthetic=classifier.facts.synthetic and not adapted.is_better,
        foreground=learned_range([*classifier.foreground, *medians], [1]),
        weights_sha256=classifier.facts.weights_sha256,
    )


def _heads(classifier: Classifier) -> list[str]:
    return [f"head_{number}.npz" for number in range(1, 1 + len(classifier.heads))]
