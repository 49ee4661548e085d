"""The command `wbc`: predict images, score, adapt and perturb a classifier, or open a page in the browser."""

import argparse
import contextlib
import importlib.util
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

from wbc import __version__
from wbc.common.errors import UserError, advise, exit_on_user_error

if TYPE_CHECKING:
    from wbc.predict.classifier import Classifier
    from wbc.predict.predictions import Prediction

WIDTH = 79  # letters of a line of help

# Imports take seconds, so each command imports its modules when it runs.


@exit_on_user_error
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that the command line names."""
    parser = _parser("wbc", "Classify images of single white blood cells.", "wbc predict cells/")
    parser.add_argument("--version", action="version", version=f"wbc {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=argparse.ArgumentParser)
    for add in (_add_predict, _add_score, _add_adapt, _add_app, _add_robustness):
        add(commands)
    parsed = parser.parse_args(arguments)
    parsed.run(parsed)


def _parser(name: str, description: str, example: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(name, **_texts(description, example))


def _texts(description: str, example: str) -> dict:
    def formatter(prog: str) -> argparse.HelpFormatter:
        return argparse.RawDescriptionHelpFormatter(prog, max_help_position=20, width=WIDTH)

    return {"description": description, "epilog": f"example:\n  {example}", "formatter_class": formatter}


def _add_model(parser: argparse.ArgumentParser, crop: bool = True) -> None:
    parser.add_argument("--model", metavar="FOLDER", help="classifier (default: the pretrained one)")
    if crop:
        parser.add_argument(
            "--crop", type=share, default=1.0, metavar="SHARE", help="look at the middle: share of each side, 0-1"
        )


def _add_labelled(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("labelled", metavar="LABELLED", help="a folder or zip with a folder of images for each class")
    parser.add_argument(
        "--labels",
        action="append",
        default=[],
        type=pair,
        metavar="THEIRS=OURS",
        help="class of the classifier that a folder is; may be repeated",
    )


def _add_predict(commands: argparse._SubParsersAction) -> None:
    text = "Predict images. Prints a summary on a terminal, and a CSV into a pipe."
    example = "wbc predict cells/ 'more/**/*.png' --output cells.csv --output cells.html"
    parser = commands.add_parser("predict", help="predict images", **_texts(text, example))
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a file, a folder, a zip, or a pattern in quotes")
    _add_model(parser)
    parser.add_argument(
        "--output",
        action="append",
        default=[],
        metavar="FILE",
        help="write a .csv, .json, .jsonl or .html; may be repeated",
    )
    parser.set_defaults(run=predict)


def _add_score(commands: argparse._SubParsersAction) -> None:
    text = "Score a classifier on labelled images that it wasn't trained on."
    example = "wbc score labelled/ --labels Neutrophile=neutrophil --output scored.csv"
    parser = commands.add_parser("score", help="score a classifier on labelled images", **_texts(text, example))
    _add_labelled(parser)
    _add_model(parser)
    parser.add_argument("--groups", metavar="GROUPS", help="groups of images: a CSV, or a pattern over file names")
    parser.add_argument("--output", metavar="FILE", help="also write a row per image, as a .csv")
    parser.set_defaults(run=score)


def _add_adapt(commands: argparse._SubParsersAction) -> None:
    text = (
        "Adapt a classifier to another laboratory with a few labelled cells of it, one\n"
        "image per cell. Keeps the classifier where adapting doesn't help, and says so."
    )
    parser = commands.add_parser(
        "adapt", help="adapt a classifier with labelled cells", **_texts(text, "wbc adapt labelled/ --output ours")
    )
    _add_labelled(parser)
    _add_model(parser)
    parser.add_argument(
        "--output", type=Path, default=Path("models/adapted"), metavar="FOLDER", help="(default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the draws (default: %(default)s)")
    parser.set_defaults(run=adapt)


def _add_app(commands: argparse._SubParsersAction) -> None:
    text = "Open a page on this machine to drop images on. Nothing leaves the machine."
    parser = commands.add_parser("app", help="predict images in the browser", **_texts(text, "wbc app --port 8600"))
    _add_model(parser, crop=False)
    parser.add_argument("--port", type=int, default=8501, help="of the page's address (default: %(default)s)")
    parser.set_defaults(run=app)


def _add_robustness(commands: argparse._SubParsersAction) -> None:
    text = "Score a classifier under stain, light, focus, compression, noise and cropping."
    parser = commands.add_parser(
        "robustness", help="score a classifier on perturbed images", **_texts(text, "wbc robustness labelled/")
    )
    _add_labelled(parser)
    _add_model(parser)
    parser.add_argument("--cells", type=int, default=20, help="images of each class (default: %(default)s)")
    parser.add_argument(
        "--splits", metavar="CSV", help="columns path, group, fold: score each image by heads not trained on it"
    )
    parser.add_argument(
        "--output", type=Path, default=Path("robustness"), metavar="FOLDER", help="(default: %(default)s)"
    )
    parser.set_defaults(run=robustness)


def predict(arguments: argparse.Namespace) -> None:
    """Predict images."""
    from wbc.common.files import replacing
    from wbc.common.progress import track
    from wbc.predict import concerns, summary
    from wbc.predict.answers import WRITERS, write_csv
    from wbc.predict.contact_sheet import ContactSheet
    from wbc.predict.outputs import file_to_write
    from wbc.predict.sources import list_sources

    pages = (".html", ".htm")
    outputs = [file_to_write(name, (*WRITERS, *pages)) for name in arguments.output]
    sources = list_sources(arguments.paths)
    classifier = load(arguments.model, arguments.crop)
    sheets = {
        output: ContactSheet(classifier.classes, classifier.heat_map)
        for output in outputs
        if output.suffix.lower() in pages
    }
    predicted: list[Prediction] = []
    is_piped = not outputs and not sys.stdout.isatty()
    with contextlib.ExitStack() as opened:
        stream = track(classifier.predict_sources(sources), "predict", total=len(sources))
        for output in (output for output in outputs if output not in sheets):
            file = opened.enter_context(_opened(output))
            stream = WRITERS[output.suffix.lower()](stream, classifier.classes, file)
        if is_piped:
            stream = write_csv(stream, classifier.classes, sys.stdout)
        for prediction, source in zip(stream, sources, strict=True):
            predicted.append(prediction)
            for sheet in sheets.values():
                sheet.add(prediction, source)
    said = [classifier.caution] * bool(classifier.caution) + concerns.of_predictions(classifier, predicted)
    for output, sheet in sheets.items():
        with replacing(output) as partial:
            partial.write_text(sheet.html(*said), encoding="utf-8")
    if not is_piped:
        print("\n".join(summary.of_predictions(predicted, classifier.classes)))
        print("\n".join(f"Written: {output}" for output in outputs) or "`--output NAME.csv` writes a row per image.")
    _warn(said)
    if unreadable := sum(bool(prediction.error) for prediction in predicted):
        _end(f"{unreadable:,} of {len(predicted):,} images could not be read; their rows say why.")


def score(arguments: argparse.Namespace) -> None:
    """Score a classifier on labelled images."""
    from wbc.common.files import write_csv
    from wbc.evaluate.params import IntervalParams
    from wbc.predict import concerns, external, summary
    from wbc.predict.outputs import file_to_write
    from wbc.predict.params import SiteParams

    output = arguments.output and file_to_write(arguments.output, (".csv",))
    classifier = load(arguments.model, arguments.crop)
    settings = SiteParams(
        archive=arguments.labelled, labels=dict(arguments.labels), crop=arguments.crop, groups=arguments.groups
    )
    site = external.predict_site(classifier, settings)
    scored = external.score(site, IntervalParams(confidence_level=0.95))
    if output:
        write_csv(output, external.table(site))
    print("\n".join(summary.of_scores(scored, classifier.decision.coverage)))
    if site.note:
        print(site.note)
    if site.bad:
        print(f"Left out: {len(site.bad):,} files that can't be used, such as {site.bad[0][0]} ({site.bad[0][1]}).")
    said = concerns.of_predictions(classifier, site.predictions)
    said += concerns.of_scores(classifier, site.labels, site.predictions)
    _warn([classifier.caution] * bool(classifier.caution) + said)


def adapt(arguments: argparse.Namespace) -> None:
    """Adapt a classifier with labelled cells."""
    import pandas as pd

    from wbc.common.files import replacing, write_csv
    from wbc.common.progress import track
    from wbc.predict import adaptation, adapted_folder, labelled, summary
    from wbc.predict.outputs import folder_to_write

    classifier = load(arguments.model, arguments.crop)
    output = folder_to_write(arguments.output, adapted_folder.file_names(classifier))
    cells, foreground = labelled.described(arguments.labelled, classifier, dict(arguments.labels))
    shots = adaptation.shots(cells)
    curve = adaptation.learning_curve(classifier.heads, cells, shots, adaptation.DRAWS, arguments.seed)
    rows = track(curve, "learning curve", total=1 + adaptation.DRAWS * (len(shots) - 1), unit="draws")
    table = pd.DataFrame(rows, columns=adaptation.COLUMNS).round(4)
    adapted = adaptation.adapt(classifier.heads, classifier.reference, cells, classifier.decision, arguments.seed)
    with replacing(output) as folder:
        adapted_folder.write(folder, classifier, adapted, cells, foreground, Path(arguments.labelled).resolve().name)
        write_csv(folder / adapted_folder.CURVE, table)
    print("\n".join(summary.of_adapting(table, adapted, len(cells.labels))))
    crop = f" Use it with the same `--crop {arguments.crop:g}`." if arguments.crop < 1 else ""
    print(f"Written: {output}.{crop}")


def app(arguments: argparse.Namespace) -> None:
    """Open a page in the browser."""
    if importlib.util.find_spec("streamlit") is None:
        raise UserError("`wbc app` needs Streamlit. Type pip install 'white-blood-cells[app]' or `make app-packages`.")
    if arguments.model:
        load(arguments.model)
    command = [sys.executable, "-m", "streamlit", "run", str(Path(__file__).with_name("app.py"))]
    command += ["--server.address", "127.0.0.1", "--server.port", str(arguments.port)]
    command += ["--browser.gatherUsageStats", "false", "--client.toolbarMode", "minimal"]
    sys.exit(subprocess.call([*command, "--", *(["--model", arguments.model] if arguments.model else [])]))


def robustness(arguments: argparse.Namespace) -> None:
    """Score a classifier on perturbed images."""
    import numpy as np

    from wbc.common.files import replacing, write_csv
    from wbc.plot import drawing, figures
    from wbc.predict import labelled
    from wbc.predict import robustness as perturbed
    from wbc.predict.outputs import folder_to_write

    if arguments.cells < 1:
        raise UserError("`--cells` must be 1 or more.")
    table_file, text_file, figure_file = "table.csv", "table.md", "figure.svg"
    output = folder_to_write(arguments.output, (table_file, text_file, figure_file))
    classifier = load(arguments.model, arguments.crop)
    with labelled.unpacked(arguments.labelled) as images:
        classes = labelled.known_classes(images.classes, classifier.classes, dict(arguments.labels))
        chosen = perturbed.choose(images, classes, arguments.cells, arguments.splits)
        numbers = np.array([classifier.classes.index(label) for label in chosen["label"]])
        folds = chosen["fold"].to_numpy() if arguments.splits else None
        table = perturbed.balanced_accuracies(classifier, chosen["source"].tolist(), numbers, folds)
    with replacing(output) as folder:
        folder.mkdir(parents=True)
        write_csv(folder / table_file, table)
        text = perturbed.markdown(table, len(chosen))
        (folder / text_file).write_text(text, encoding="utf-8", newline="\n")
        note = "trained on drawn cells" if classifier.caution else ""
        drawing.save(figures.robustness(table, "Balanced accuracy under perturbation", note), folder / figure_file)
    print(text)


def load(model: str | None, crop: float = 1.0) -> "Classifier":
    """Return the classifier that `--model` names, or the pretrained one."""
    from wbc.predict.classifier import Classifier

    if model is None:
        return Classifier.pretrained(crop)
    with advise("`--model` names a classifier's folder, such as models/deployed, which `dvc repro` makes."):
        return Classifier(model, crop)


def share(text: str) -> float:
    """Parse the value of `--crop`, more than 0 and at most 1."""
    with contextlib.suppress(ValueError):
        if 0 < (value := float(text)) <= 1:
            return value
    raise argparse.ArgumentTypeError(f"{text!r} is no share; give a number above 0 and up to 1, such as 0.6")


def pair(text: str) -> tuple[str, str]:
    """Parse the value of `--labels`: (their class, ours)."""
    theirs, equals, ours = text.partition("=")
    if not (theirs and equals and ours):
        raise argparse.ArgumentTypeError(f"{text!r} is no pair; write THEIRS=OURS, such as Neutrophile=neutrophil")
    return theirs, ours


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    """Open a file that appears whole."""
    from wbc.common.files import replacing

    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        yield file


def _warn(lines: Sequence[str]) -> None:
    for line in lines:
        print(f"warning: {line}", file=sys.stderr)


def _end(message: str) -> NoReturn:
    sys.exit(f"\nerror: {message}\n")


if __name__ == "__main__":
    main()
