"""A page on this machine that says of dropped images what `tools.predict` says; nothing leaves the machine.

    make app                                    # installs what it needs, then opens http://127.0.0.1:8501
    make app MODEL=models/pretrained                 # of the classifier that comes with the project, by `make pretrained`

Needs the folder models/deployed/ and nothing of the images that it learned from.
"""

import argparse
import io
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st
from PIL import Image

from tools.ready import ADVICE
from wbc.common.errors import UserError
from wbc.common.images import decode
from wbc.export.framing import framing_note
from wbc.export.packaging import DECISION
from wbc.predict.answers import write_csv
from wbc.predict.classifier import Classifier, Prediction
from wbc.predict.sources import Source, list_sources

MOST = 200  # images shown of one drop
PICTURE = 160  # pixels of each side


def main() -> None:
    """Draw the page; Streamlit calls this anew after every drop."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="models/deployed", help="folder of the classifier (default: %(default)s)")
    model = parser.parse_args().model
    st.set_page_config("White blood cells", layout="centered")
    st.title("White blood cells")
    st.write(
        "Drop images of single cells. The classifier names each, or says why it would rather not. Beside each picture, "
        "what speaks for the class is bright. It is not a medical device, and nothing leaves this machine."
    )
    crop = st.slider(
        "How much of each picture's sides is looked at, in the middle: less where a cell fills little of its picture",
        *(10, 100, 100, 5),
        format="%d %%",
    )
    try:
        classifier = load(model, made_at(model)).cropped(crop / 100)
    except UserError as error:
        st.error(f"{error} Type `make repro`, or `make pretrained` and `make app MODEL=models/pretrained`.")
        return
    if classifier.caution:
        st.warning(f"{classifier.caution} {ADVICE}")
    files = st.file_uploader("Images, or a zip of images", accept_multiple_files=True)
    with tempfile.TemporaryDirectory() as folder:
        sources = [source for number, file in enumerate(files) for source in stored(file, Path(folder, str(number)))]
        if len(sources) > MOST:
            st.warning(f"{len(sources):,} images came; the first {MOST} are shown. `tools.predict` takes them all.")
        shown = [source._replace(name=dropped_name(source, folder)) for source in sources[:MOST]]
        download, table = st.empty(), io.StringIO()
        note, shares = st.empty(), []
        answers = write_csv(classifier.predict_sources(shown), classifier.decision.classes, table)
        for source, prediction in zip(shown, answers, strict=True):
            shares.append(prediction.filled)
            with st.container(border=True):
                show(classifier, source, prediction)
        if said := framing_note(shares, classifier.foreground, classifier.crop):
            note.warning(said)
        if shown:
            download.download_button(
                "Save the answers as a table (CSV)", table.getvalue(), "answers.csv", "text/csv", on_click="ignore"
            )


@st.cache_resource(show_spinner="Loading the classifier ...", max_entries=1)
def load(model: str, made: int) -> Classifier:
    """Return the classifier, made ready once for all who look at the page, and anew when a run has made another."""
    return Classifier(model)


def made_at(model: str) -> int:
    """Return when a classifier was made, in nanoseconds; 0 of one that isn't there, of which `load` says so."""
    try:
        return Path(model, DECISION).stat().st_mtime_ns
    except OSError:
        return 0


def stored(file: Any, folder: Path) -> list[Source]:
    """Return the images of an uploaded file, itself or those in a zip, kept in a folder while the page is drawn."""
    folder.mkdir()
    path = folder / Path(file.name).name
    path.write_bytes(file.getvalue())
    try:
        return list_sources([str(path)])
    except UserError as error:
        st.error(str(error).replace(f"{folder}/", ""))
        return []


def dropped_name(source: Source, folder: str) -> str:
    """Return what an uploaded image is called, without the folder in which it is kept."""
    return "/".join(Path(source.name).relative_to(folder).parts[1:])


def show(classifier: Classifier, source: Source, prediction: Prediction) -> None:
    """Draw one image and what is said of it."""
    pictures, words = st.columns([2, 3])
    if prediction.error:
        words.error(f"{prediction.path}: {prediction.error}")
        return
    original = Image.fromarray(decode(source.read(), suffix=source.suffix)[0])
    original.thumbnail((2 * PICTURE, 2 * PICTURE))
    pictures.image([original, classifier.lit(source, prediction.label)], width=PICTURE)
    classes = classifier.decision.classes
    if prediction.reason:
        words.warning(f"It would rather not say: {prediction.reason}.")
    else:
        words.subheader(prediction.label)
    words.caption(f"{prediction.path}. Prediction set: {', '.join(prediction.members) or 'none'}.")
    chances = pd.DataFrame({"probability": prediction.probabilities}, index=pd.Index(classes, name="class"))
    words.dataframe(chances.sort_values("probability", ascending=False))


if __name__ == "__main__":
    main()
