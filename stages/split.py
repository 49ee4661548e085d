"""split: which images are for training, validation and testing, under both protocols, and which fold each is in.

    python -m stages.split

Reads data/raw/, data/manifest.csv, and from data/given/ the groups and parts that the user knows. What came of
comparing two images is kept in .cache/comparisons, so that another seed, some images more or a run after a kill don't
compare them again. Writes

    data/splits.csv      path, label, photo_id, group, image, grouped, fold, withheld, validates, in the manifest's
                         order.
                         `photo_id` is equal for near-duplicates, images of one photograph. `group` is equal for images
                         that may show one cell, or are of one given group (patient, slide ...), and is never divided.
                         `image` and `grouped` hold train, valid or test: `image` divides by file, as the original
                         study did, or as `split.parts` says, `grouped` by group. `fold` numbers the folds of the
                         cross-validation, and `withheld` those whose scoring an image doesn't serve, since it
                         might show a cell of theirs. `validates` is 1 for one half of a fold and 0 for the other: one
                         of them validates when that fold's turn comes, and the other is learned from. A column
                         given_<kind> follows for each kind of given group
    reports/audit.json   near-duplicates, duplicates, doubtful labels, and what could not be had: see
                         wbc/splitting/audit.py; and how much of their images the cells fill: wbc/data/foreground.py
"""

from pathlib import Path

import pandas as pd
import pydantic

from wbc.core import params
from wbc.core.audit_sentences import filled_sentence
from wbc.core.errors import advise, exit_on_user_error
from wbc.core.files import write_csv, write_json
from wbc.core.prefetch import prefetch
from wbc.core.progress import track
from wbc.core.protocols import PARTS, PROTOCOLS
from wbc.core.tables import read_csv
from wbc.data.foreground import foreground_share, summarize
from wbc.data.images import decode
from wbc.grouping.given import read_groups, read_parts, statements, united
from wbc.grouping.near_duplicates import find_near_duplicates, only_identical
from wbc.splitting.audit import audit, summary
from wbc.splitting.folds import halves, withhold
from wbc.splitting.splits import folds, split_by_group, split_by_image

COMPARISONS = Path(".cache/comparisons")
GIVEN = Path("data/given")  # a dependency as a whole: DVC knows no dependency that may be null


class SplitParams(params.Section):
    """Section `split` of params.yaml."""

    groups: str | None = pydantic.Field(min_length=1)  # a CSV in data/given/, or a pattern over file names
    search: bool  # for near-duplicates
    parts: str | None = pydantic.Field(min_length=1)  # a CSV in data/given/
    seed: int = pydantic.Field(ge=0, lt=2**32)
    train: float = pydantic.Field(gt=0, lt=1)
    valid: float = pydantic.Field(ge=0, lt=1)
    folds: int = pydantic.Field(ge=2, le=20)

    @pydantic.model_validator(mode="after")
    def leaves_something_to_test(self) -> "SplitParams":
        """Refuse shares that leave nothing for the test part."""
        if self.train + self.valid >= 1:
            raise ValueError(f"train {self.train} and valid {self.valid} leave no images for the test part")
        return self


@exit_on_user_error
def main() -> None:
    """Group the images, split them in every way, and audit the result."""
    settings = params.load("params.yaml", "split", SplitParams)
    manifest = read_csv("data/manifest.csv")
    paths, labels, shares = manifest["path"].tolist(), manifest["label"].to_numpy(), (settings.train, settings.valid)

    # What the user gives is read first: a mistake in it shows before the search takes its minutes.
    given = None
    with advise("Add images; then type `dvc repro`."):
        image = split_by_image(labels, shares, settings.seed)
    if settings.groups is not None:
        with advise("`split.groups` in params.yaml names it; then type `dvc repro`."):
            given = read_groups(in_given(settings.groups), paths)
    if settings.parts is not None:
        with advise("`split.parts` in params.yaml names it; then type `dvc repro`."):
            image = read_parts(Path(in_given(settings.parts)), paths)
    if settings.search:
        recognized = find_near_duplicates([Path("data/raw", path) for path in paths], COMPARISONS)
    else:
        recognized = only_identical(manifest["sha256"])
    group = united(recognized.group, given.table) if given else recognized.group
    with advise("Lower `split.folds` in params.yaml, or add images; then type `dvc repro`."):
        fold = folds(labels, group, settings.folds, settings.seed)
    with advise(
        "Groups of which two images show one cell count as one. Give narrower groups by `split.groups` in params.yaml, "
        "or add images; then type `dvc repro`."
    ):
        grouped = split_by_group(labels, group, shares, settings.seed)
    withheld, too_doubtful = withhold(labels, fold, recognized.photo_id, recognized.doubtful, recognized.group)
    splits = manifest[["path", "label"]].assign(
        photo_id=recognized.photo_id,
        group=group,
        image=image,
        grouped=grouped,
        fold=fold,
        withheld=withheld,
        validates=halves(labels, group, fold, settings.seed).astype(int),
    )
    facts = statements(given, paths, labels) if given else None
    content = audit(splits, recognized.pixels, shares, recognized.group, facts)
    content["withheld"]["too_doubtful"] = too_doubtful
    content["searched"], content["own_parts"] = settings.search, settings.parts is not None
    shares_filled = prefetch(lambda path: foreground_share(decode(Path("data/raw", path))[0]), paths)
    content["foreground"] = summarize(labels, track(shares_filled, "measure", total=len(paths)))
    if given:
        splits = splits.join(given.table.add_prefix("given_"))
    write_csv("data/splits.csv", splits)
    write_json("reports/audit.json", content)

    for protocol in PROTOCOLS:
        counts = pd.crosstab(splits["label"], splits[protocol]).reindex(columns=list(PARTS), fill_value=0)
        print(f"images per class, {protocol}:\n{counts.to_string()}\n")
    print("\n".join([*summary(content), filled_sentence(content["foreground"])]))


def in_given(source: str) -> str:
    """Return the path of a CSV, which is looked for in data/given/ first; a pattern stays as it is."""
    if not source.lower().endswith(".csv"):
        return source
    if (GIVEN / source).is_file() or not Path(source).is_file():
        return str(GIVEN / source)
    if not Path(source).resolve().is_relative_to(GIVEN.resolve()):
        print(
            f"note: {source} is not in {GIVEN}/, so DVC doesn't notice when it changes. Copy it there, or type "
            "`dvc repro --force split` after a change."
        )
    return source


if __name__ == "__main__":
    main()
