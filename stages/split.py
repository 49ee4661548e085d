"""split: groups of images that belong together, train, valid and test parts, and cross-validation folds.

    python -m stages.split

Reads data/images/, data/manifest.csv, pretraining/fingerprints.npz, and from data/given/ the groups and parts that the
user gives. Writes

    data/splits.csv   a row per image: path, label, photo_id, group, image, grouped, fold, given_<kind>
    data/folds.csv    a row per image and fold: path, fold, role (train, test, excluded), block
    data/split.json   near-duplicates, leakage, doubtful labels, and classes that could not be divided as requested

See wbc/split/table.py for the columns and wbc/split/audit.py for the numbers. Comparisons of image pairs are kept in
.cache/comparisons, so that another seed, more images or a killed run don't repeat them.
"""

from pathlib import Path

from wbc.common import params
from wbc.common.errors import advise, exit_on_user_error
from wbc.common.files import write_json
from wbc.common.tables import read_csv
from wbc.split import foreground
from wbc.split.audit import audit
from wbc.split.folds import exclude, halves, roles
from wbc.split.given import find_groups, find_parts, statements, united
from wbc.split.near_duplicates.fingerprints import Fingerprints
from wbc.split.near_duplicates.search import find_near_duplicates, only_identical
from wbc.split.params import SplitParams
from wbc.split.parts import folds, split_by_group, split_by_image
from wbc.split.table import Splits

DATA, IMAGES, GIVEN = Path("data"), Path("data/images"), Path("data/given")
COMPARISONS, FINGERPRINTS = Path(".cache/comparisons"), Path("pretraining/fingerprints.npz")


@exit_on_user_error
def main() -> None:
    """Group the images, split them in every way, and describe the result."""
    settings = params.load("params.yaml", "split", SplitParams)
    manifest = read_csv(DATA / "manifest.csv")
    paths, labels, shares = manifest["path"].tolist(), manifest["label"].to_numpy(), (settings.train, settings.valid)

    # The user's groups and parts are read first: a mistake in them shows before the search, which takes minutes.
    facts = given_groups = is_given = None
    with advise("Add images; then type `dvc repro`."):
        image = split_by_image(labels, shares, settings.seed)
    with advise("`split.groups` in params.yaml names it; then type `dvc repro`."):
        given = find_groups(manifest, settings.groups, GIVEN)
    if settings.parts is not None:
        with advise("`split.parts` in params.yaml names it; then type `dvc repro`."):
            image = find_parts(manifest, settings.parts, GIVEN)
    files = [IMAGES / path for path in paths]
    found = find_near_duplicates(files, COMPARISONS) if settings.search else only_identical(manifest["sha256"])
    group = united(found.group, given.table) if given else found.group
    if given:
        facts, given_groups, is_given = statements(given, paths, labels), given.numbers, given.is_given
    with advise("Lower `split.folds` in params.yaml, or add images; then type `dvc repro`."):
        fold = folds(labels, group, settings.folds, settings.seed)
    with advise("Give smaller groups by `split.groups` in params.yaml, or add images; then type `dvc repro`."):
        grouped = split_by_group(labels, group, shares, settings.seed, is_given)
    excluded, too_doubtful = exclude(labels, fold, found.photo_id, found.doubtful, found.group)
    table = manifest[["path", "label"]].assign(
        photo_id=found.photo_id, group=group, image=image, grouped=grouped, fold=fold
    )
    content = audit(table, found.pixels, shares, found.group, excluded, too_doubtful, facts, given_groups)
    content |= {"searched": settings.search, "own_parts": settings.parts is not None}
    content["foreground"] = foreground.measure(files, labels)
    content["overlap"] = Fingerprints.load(FINGERPRINTS).overlap(files, paths)
    if given:
        table = table.join(given.table.add_prefix("given_"))
    halved = halves(labels, group, fold, settings.seed)
    Splits(table, roles(paths, fold, excluded, halved)).save(DATA)
    write_json(DATA / "split.json", content)
    print(f"{len(paths):,} images in {content['groups']:,} groups, {settings.folds} folds")
    print(f"test images with a near-duplicate in training, split by file: {content['leak']['image'] or 0:.0%}")


if __name__ == "__main__":
    main()
