"""Predict images with the classifier that the pipeline shipped.

    python -m tools.predict cells/ slide.zip 'more/**/*.png'                # a CSV on the terminal
    python -m tools.predict cells/ --output answers.csv --html answers.html

It needs a classifier's folder, models/deployed/ or another (see docs/how-to/predict.md), and not the images that it learned
from. Of each image: path, class, probability of each class, the prediction set, whether the classifier abstains, and
why. An image that can't be read is a row with its error, and the exit status is then 1 at the end.
"""

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from tools.ready import ADVICE
from wbc.common.errors import advise, exit_on_user_error
from wbc.common.files import replacing
from wbc.common.progress import track
from wbc.export.framing import framing_note
from wbc.predict.answers import WRITERS
from wbc.predict.classifier import Classifier
from wbc.predict.contact_sheet import ContactSheet
from wbc.predict.outputs import file_to_write
from wbc.predict.sources import list_sources


@exit_on_user_error
def main() -> None:
    """Predict what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a file, a folder, a pattern in quotes, or a zip")
    parser.add_argument("--model", default="models/deployed", help="folder of the classifier (default: %(default)s)")
    parser.add_argument("--crop", type=share, default=1.0, help="share of each side that is looked at, in the middle")
    parser.add_argument("--output", help="file to write, .csv, .json or .jsonl (default: the terminal)")
    parser.add_argument("--json", action="store_true", help="on the terminal, a JSON object per line in place of a CSV")
    parser.add_argument("--html", help="also write a page that shows the images with what was said of them")
    arguments = parser.parse_args()
    output = arguments.output and file_to_write(arguments.output, WRITERS)
    page = arguments.html and file_to_write(arguments.html, (".html", ".htm"))

    sources = list_sources(arguments.paths)
    advice = (
        "`dvc repro` makes it; `dvc pull models/deployed` or `dvc get REPOSITORY models/deployed` fetches it; `make pretrained` makes "
        "another, models/pretrained, which comes with the project."
    )
    with advise(f"`--model` names the classifier's folder. {advice}"):
        classifier = Classifier(arguments.model, arguments.crop)
    if classifier.caution:
        print(f"note: {classifier.caution} {ADVICE}", file=sys.stderr)
    sheet = ContactSheet(classifier.decision.classes, classifier.lit) if page else None
    unreadable, shares = 0, []
    kind = output.suffix.lower() if output else ".jsonl" if arguments.json else ".csv"
    with opened(output) as file:
        write = WRITERS[kind]
        predictions = track(classifier.predict_sources(sources), "predict", total=len(sources))
        for prediction, source in zip(write(predictions, classifier.decision.classes, file), sources, strict=True):
            unreadable += bool(prediction.error)
            shares.append(prediction.filled)
            if sheet:
                sheet.add(prediction, source)
    note = framing_note(shares, classifier.foreground, classifier.crop)
    if note:
        print(f"note: {note}", file=sys.stderr)
    if sheet:
        with replacing(page) as partial:
            partial.write_text(sheet.html(classifier.caution, note), encoding="utf-8")
    if unreadable:
        sys.exit(f"\nerror: {unreadable:,} of {len(sources):,} images could not be read; their rows say why.\n")


def share(text: str) -> float:
    """Return what `--crop` says, more than 0 and at most 1."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share; give a number above 0 and up to 1, such as 0.6")
    return value


@contextlib.contextmanager
def opened(path: Path | None) -> Iterator[TextIO]:
    """Open what is written: a file that appears whole, or the terminal."""
    if path is None:
        yield sys.stdout
        return
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        yield file


if __name__ == "__main__":
    main()
