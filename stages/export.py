"""export: the calibrated ensemble as files, checked against what was scored.

    python -m stages.export

Writes

    models/deployed/          what `wbc predict` needs: heads, backbone and decision.json, see `wbc.export.packaging`
    models/classifier.keras   the same ensemble as one Keras model, from RGB 0-255 images to probabilities before calibration
    models/study.keras        backbone and the study's head, trained on the split by file
    reports/deployed/         calibration.json, reliability.csv and figures: calibration, coverage, abstention, OOD
    reports/model_card.md

Both Keras files are loaded again. Their weights must be the saved ones bit for bit, and their probabilities for some images
must be those that were scored, within `wbc.export.checks.TOLERANCE`: what is deployed is what was scored.
"""

from pathlib import Path

from wbc.common import params
from wbc.common.errors import exit_on_user_error
from wbc.common.files import read_json, replacing
from wbc.embed.features import KERAS, Features
from wbc.embed.tensorflow_setup import keras, start
from wbc.evaluate.results import Details, Result
from wbc.export import checks, packaging
from wbc.export.calibrated import Calibrated
from wbc.export.framing import learned_range
from wbc.export.keras_classifier import build_classifier, keras_ensemble, keras_head, save_classifier
from wbc.export.model_card import write_model_card
from wbc.export.params import ExportParams
from wbc.split.table import Splits
from wbc.train.heads import Heads

DATA, IMAGES, MODELS, REPORTS = Path("data"), Path("data/images"), Path("models"), Path("reports")


@exit_on_user_error
def main() -> None:
    """Calibrate the ensemble, write its files, and check them."""
    settings = params.load("params.yaml", "export", ExportParams)
    splits, heads = Splits.load(DATA), Heads.load(MODELS / "heads")
    features = Features.load(DATA / "features", len(splits.table))
    calibrated = Calibrated.fit(splits, features, heads, settings)

    start(seed=0)  # nothing here is random; this is for deterministic kernels
    backbone = keras.models.load_model(features.folder / KERAS, compile=False)
    study = Result.load(REPORTS / "image").predictions
    scored = study.iloc[checks.sample(len(study))]
    rows = checks.sample(len(splits.table))
    files = {
        "study.keras": (keras_head(heads.head("image")), scored["path"], scored.filter(regex="^p_").to_numpy()),
        "classifier.keras": (
            keras_ensemble(heads.ensemble),
            splits.table["path"].iloc[rows],
            heads.mean_probabilities(features.scored[rows]),
        ),
    }
    for name, (head, paths, probabilities) in files.items():
        model = build_classifier(backbone, head, features.facts["tta_views"], name.removesuffix(".keras"))
        with replacing(MODELS / name) as partial:
            save_classifier(model, partial, splits.classes)
            difference = checks.check_file(partial, model, [IMAGES / path for path in paths], probabilities)
        print(f"models/{name}: largest difference of a probability {difference:.4f} on {len(paths)} images")

    details, record = Details.load(REPORTS / "details.json"), read_json(DATA / "fetch.json")
    packaging.package(
        MODELS / "deployed",
        calibrated,
        heads,
        features,
        trained_on=record["description"],
        synthetic=record["synthetic"],
        foreground=learned_range(details.split["foreground"]["classes"].values(), features.facts["zooms"]),
    )
    write_model_card(REPORTS, calibrated, heads, features, details, record, Result.load(REPORTS / "crossval"))
    numbers = calibrated.numbers
    print(f"expected calibration error {numbers['ece']['before']:.3f}, {numbers['ece']['after']:.3f} calibrated")
    print(f"answers {numbers['answered']:.1%} of the images; sets hold the true class for {numbers['coverage']:.1%}")


if __name__ == "__main__":
    main()
