"""export: the calibrated ensemble as files, checked against the scored probabilities.

    python -m stages.export

Writes

    models/deployed/          package for `wbc predict`: heads, backbone, decision.json; see `wbc.export.packaging`
    models/classifier.keras   the same ensemble as one Keras model: RGB 0-255 images to uncalibrated probabilities
    models/study.keras        backbone and the study's head, trained on the split by file
    reports/deployed/         calibration.json and reliability.csv: calibration, coverage, abstention, OOD
    reports/model_card.md     and its figures in reports/model_card/

As a check, both Keras files are loaded again. Their weights must equal the saved ones bit for bit. Their probabilities
for some images must equal the scored ones within `wbc.export.checks.TOLERANCE`.
"""

from pathlib import Path

from wbc.common import params
from wbc.common.errors import exit_on_user_error
from wbc.common.files import replacing
from wbc.embed.features import KERAS, Features
from wbc.embed.tensorflow_setup import keras, start
from wbc.evaluate.results import Details, Result
from wbc.export import checks
from wbc.export.calibrated import Calibrated
from wbc.export.deploy import deploy
from wbc.export.framing import learned_range
from wbc.export.keras_classifier import build_classifier, keras_ensemble, keras_head
from wbc.export.params import ExportParams
from wbc.fetch.record import FetchRecord
from wbc.plot.model_card import save_model_card
from wbc.plot.params import ReportParams
from wbc.plot.results import Run
from wbc.split.schemes import CROSSVAL
from wbc.split.table import Splits
from wbc.train.head import mean_probabilities
from wbc.train.heads import Heads
from wbc.train.params import TrainParams

DATA, IMAGES, MODELS, REPORTS = Path("data"), Path("data/images"), Path("models"), Path("reports")


@exit_on_user_error
def main() -> None:
    """Calibrate the ensemble, write its files, and check them."""
    dropout = params.load("params.yaml", "train", TrainParams).head.dropout
    splits, heads = Splits.load(DATA), Heads.load(MODELS / "heads")
    features = Features.load(DATA / "features", len(splits.table))
    record, details = FetchRecord.load(DATA), Details.load(REPORTS / "details.json")
    calibrated = Calibrated.fit(splits, features, heads, params.load("params.yaml", "export", ExportParams))

    start(seed=0)  # only for deterministic kernels; nothing here is random
    backbone = keras.models.load_model(features.folder / KERAS, compile=False)
    tta_views, classes = features.facts["tta_views"], splits.classes
    predictions = Result.load(REPORTS / "image").predictions
    scored = predictions.iloc[checks.sample(len(predictions))]
    study = build_classifier(backbone, keras_head(heads.head("image"), dropout), tta_views, "study")
    images = [IMAGES / path for path in scored["path"]]
    checks.save_checked(MODELS / "study.keras", study, classes, images, scored.filter(regex="^p_").to_numpy())

    rows = checks.sample(len(splits.table))
    ensemble = build_classifier(backbone, keras_ensemble(heads.ensemble), tta_views, "classifier")
    images = [IMAGES / path for path in splits.table["path"].iloc[rows]]
    probabilities = mean_probabilities(heads.ensemble, features.scored[rows])
    checks.save_checked(MODELS / "classifier.keras", ensemble, classes, images, probabilities)

    foreground = learned_range(details.split["foreground"]["classes"].values(), features.facts["zooms"])
    deploy(MODELS / "deployed", calibrated, heads, features, record, foreground)
    with replacing(REPORTS / "deployed") as partial:
        partial.mkdir()
        calibrated.save(partial)
    metrics = {CROSSVAL: Result.load(REPORTS / CROSSVAL).metrics}
    run = Run(record.model_dump(), features.facts, details.split, details.truth, heads.facts, metrics)
    save_model_card(REPORTS, run, calibrated.for_card(), params.load("params.yaml", "report", ReportParams))
    print(calibrated.summary())


if __name__ == "__main__":
    main()
