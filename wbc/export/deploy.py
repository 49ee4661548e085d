"""The package of a run's own classifier, models/deployed/."""

import shutil
from pathlib import Path

from wbc.common.files import replacing
from wbc.embed.features import Features
from wbc.export.calibrated import Calibrated
from wbc.export.decision import save_reference
from wbc.export.framing import Range
from wbc.export.packaging import BACKBONE, REFERENCE, write_facts
from wbc.fetch.record import FetchRecord
from wbc.train.heads import Heads


def deploy(
    folder: Path, calibrated: Calibrated, heads: Heads, features: Features, record: FetchRecord, foreground: Range
) -> None:
    """Write the folder of a classifier: the mean of the cross-validation's heads on the frozen backbone.

    Args:
        folder: made or replaced as a whole.
        calibrated: decision, known images and scores.
        heads: of the run.
        features: of the run's images, with the backbone.
        record: of the images' source.
        foreground: smallest and largest share of its image that a cell covers in training.
    """
    with replacing(folder) as partial:
        partial.mkdir(parents=True)
        for file in heads.fold_files:
            shutil.copyfile(file, partial / file.name)
        save_reference(calibrated.reference, partial / REFERENCE)
        (partial / BACKBONE).write_bytes(features.graph)
        accuracy = calibrated.numbers["accuracy"]
        write_facts(
            partial,
            calibrated.decision,
            heads=[file.name for file in heads.fold_files],
            image_size=features.image_size,
            tta_views=features.facts["tta_views"],
            trained_on=record.description,
            synthetic=record.synthetic,
            foreground=foreground,
            score=f"accuracy {accuracy:.3f}, cross-validated by group on the training images",
            weights_sha256=features.facts["weights_file_sha256"],
        )
