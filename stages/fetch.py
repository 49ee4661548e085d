"""fetch: get the images that params.yaml names, and check each of them.

    python -m stages.fetch

Reads `fetch.archive`, and from data/labels/ the table of labels and the lists of images to exclude or relabel. Writes

    data/images/<class>/       the images as delivered, by their final label
    data/quarantine/<class>/   unusable and excluded files
    data/manifest.csv          a row per image: path, label, sha256, width, height, part, given_<kind>
    data/truth.csv             the cell that each image shows, if it is known; for `evaluate` alone
    data/fetch.json            source of the images, and treatment of the files

All five are written or none. See wbc/fetch/manifest.py and wbc/fetch/record.py for their content.
"""

import contextlib
from pathlib import Path

import pandas as pd

from wbc.common import files, params
from wbc.common.errors import advise, exit_on_user_error
from wbc.fetch import corrections, manifest, sources
from wbc.fetch.archive_check import check_archive, check_only_delivered
from wbc.fetch.label_table import LabelTable
from wbc.fetch.locks import file_lock
from wbc.fetch.manifest import Manifest, Truth
from wbc.fetch.params import FetchParams
from wbc.fetch.record import RECORD, FetchRecord

DATA, IMAGES, QUARANTINE, LABELS = Path("data"), Path("data/images"), Path("data/quarantine"), Path("data/labels")
SET_ASIDE = (
    "Or set `fetch.on_bad_image: quarantine` in params.yaml to set them aside, or `fetch.on_mask: keep` where what is "
    "called a mask is a photograph."
)
LOCK = Path(".cache/fetch.lock")
LISTS = "`fetch.labels`, `fetch.exclude` and `fetch.relabel` in params.yaml name these lists. Then type `dvc repro`."


@exit_on_user_error
def main() -> None:
    """Get the images, check them, and print a summary."""
    settings = params.load("params.yaml", "fetch", FetchParams)
    if settings.source == "archive":
        check_archive("fetch.archive", settings.archive, [IMAGES, QUARANTINE])
    with advise(LISTS):
        listed = corrections.read(LABELS, settings.exclude, settings.relabel)
        labels = LabelTable.read(LABELS / settings.labels) if settings.labels else None
    with contextlib.ExitStack() as whole:
        whole.enter_context(advise("Then type `dvc repro`."))
        whole.enter_context(file_lock(LOCK))
        check_only_delivered(IMAGES, DATA)
        # The outputs are replaced in reverse order, fetch.json last.
        record, truth, table, quarantine, images = (
            whole.enter_context(files.replacing(path))
            for path in (DATA / RECORD, DATA / manifest.TRUTH, DATA / manifest.MANIFEST, QUARANTINE, IMAGES)
        )
        origin = sources.get(settings, images, labels)
        with advise(LISTS):
            corrected = corrections.correct(images, quarantine, listed)
        found = manifest.build_manifest(images, allow_masks=settings.on_mask == "keep")
        bad = sorted(origin.report.unusable + found.bad)
        if settings.on_bad_image == "stop":
            with advise(SET_ASIDE):
                manifest.refuse_bad(bad, found.rows)
        manifest.refuse_vanished(origin.report.labels, found.rows, bad)
        manifest.quarantine_bad(found.bad, images, quarantine)
        said = {corrected.relabelled.get(path, path): of for path, of in origin.report.columns.items()}
        listing = Manifest.of(found.rows, said)
        listing.save(table.parent)
        cells = sorted((corrected.relabelled.get(path, path), cell) for path, cell in origin.cells.items())
        Truth(pd.DataFrame(cells, columns=["path", "cell"])).save(truth.parent)
        unused = sorted(bad + corrected.excluded)
        content = FetchRecord.of(settings.source, origin, found, listing, unused, corrected.relabelled)
        content.save(record.parent)
    print(content.summary())


if __name__ == "__main__":
    main()
