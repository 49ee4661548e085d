"""The page of `wbc app`: predictions of dropped images. Streamlit runs it again after every action on it.

File names, class names and descriptions are untrusted. They are written as escaped HTML and never as Markdown, because
a name in Markdown can load an image from another server.
"""

import argparse
import base64
import html
import io
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import streamlit as st
from PIL import Image

from wbc.common.errors import UserError
from wbc.export.packaging import DECISION
from wbc.predict import concerns
from wbc.predict.answers import write_csv
from wbc.predict.classifier import Classifier, pretrained_folder
from wbc.predict.predictions import Prediction
from wbc.predict.sources import Source, list_sources

MOST = 200  # images shown of one drop
SIDE = 128  # pixels of the longer side of a picture on the page
ALL, ANSWERED, ABSTAINS, UNREADABLE = "All", "Classified", "Abstains", "Not readable"
ORDERS = ("As dropped", "Least confident first", "By class")


class Shown(NamedTuple):
    """One image as the page shows it."""

    prediction: Prediction
    pictures: str  # HTML: the image and its heat map


def main() -> None:
    """Draw the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, default=pretrained_folder())
    model = parser.parse_args().model
    st.set_page_config("White blood cells", layout="wide")
    st.title("White blood cells")
    try:
        classifier = load(str(model), made_at(model))
    except UserError as error:
        box(str(error))
        return
    about(classifier)
    files = st.file_uploader("Drop images of single cells, or a zip of images", accept_multiple_files=True)
    if not files:
        return
    percent = st.slider("Central crop: lower it if cells look small", 10, 100, 100, 5, format="%d %%")
    key = (str(model), made_at(model), percent, *(file.file_id for file in files))
    if st.session_state.get("key") != key:  # not after a change of filter or order
        with st.spinner("Predicting ..."):
            st.session_state["shown"], st.session_state["errors"] = predict(classifier.cropped(percent / 100), files)
        st.session_state["key"] = key
    for problem in st.session_state["errors"]:
        box(problem)
    if shown := st.session_state["shown"]:
        results(classifier.cropped(percent / 100), shown)


@st.cache_resource(show_spinner="Loading the classifier ...", max_entries=1)
def load(model: str, made: int) -> Classifier:
    """Return the classifier, cached for all visitors of the page, and read again when it is replaced."""
    return Classifier(model)


def made_at(model: Path) -> int:
    """Return the time at which a classifier was written, in nanoseconds; 0 if it is missing, which `load` reports."""
    try:
        return (model / DECISION).stat().st_mtime_ns
    except OSError:
        return 0


def about(classifier: Classifier) -> None:
    """Draw the names of the classifier and its classes, and its score."""
    trained = classifier.facts.trained_on or "images that it doesn't name"
    score = classifier.facts.score or "none recorded; `wbc score` measures it on labelled images"
    facts = {"Classifier": f"{classifier.folder}, trained on {trained}", "Classes": ", ".join(classifier.classes)}
    facts["Score"] = score
    rows = "".join(f"<div><strong>{name}:</strong> {html.escape(fact)}</div>" for name, fact in facts.items())
    st.html(f"<div style='overflow-wrap: anywhere'>{rows}</div>")
    st.caption("Nothing leaves this machine. This is not a medical device.")
    if classifier.caution:
        box(classifier.caution)


def predict(classifier: Classifier, files: Sequence[Any]) -> tuple[list[Shown], list[str]]:
    """Return the dropped images to show, and the errors of whole files."""
    errors: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        sources = [
            source
            for number, file in enumerate(files)
            for source in stored(file, Path(folder, f"{number}.zip"), errors)
        ]
        if len(sources) > MOST:
            errors.append(f"{len(sources):,} images were dropped; the first {MOST} are shown. `wbc predict` takes all.")
        sources = sources[:MOST]
        predictions = classifier.predict_sources(sources)
        return [
            Shown(one, pictures(classifier, source, one)) for one, source in zip(predictions, sources, strict=True)
        ], errors


def stored(file: Any, place: Path, errors: list[str]) -> list[Source]:
    """Return the images of a dropped file: the file itself, or the images in a zip, which is stored at `place`.

    The file's own name is shown only, and never used as a path.
    """
    if PurePosixPath(file.name).suffix.lower() != ".zip":
        return [Source(file.name, PurePosixPath(file.name).suffix, file.getvalue)]
    place.write_bytes(file.getvalue())
    try:
        return [
            source._replace(name=source.name.replace(str(place), file.name, 1)) for source in list_sources([str(place)])
        ]
    except UserError as error:
        errors.append(str(error).replace(str(place), file.name))
        return []


def pictures(classifier: Classifier, source: Source, prediction: Prediction) -> str:
    """Return the HTML of a cropped image, and of its heat map in the same size."""
    pixels, _, _ = classifier.look(source)
    if pixels is None:
        return ""
    image = Image.fromarray(pixels)
    ratio = SIDE / max(image.size)
    size = (max(1, round(image.width * ratio)), max(1, round(image.height * ratio)))
    label = html.escape(prediction.label)
    heat = Image.fromarray(classifier.heat_map(source, prediction.label))
    return picture(image, size, "the image") + picture(heat, size, f"heat map for {label}")


def picture(image: Image.Image, size: tuple[int, int], description: str) -> str:
    """Return an image as HTML, with twice the shown number of pixels per side, for sharp screens."""
    file = io.BytesIO()
    image.resize((2 * size[0], 2 * size[1]), Image.Resampling.BILINEAR).save(file, "JPEG", quality=85)
    address = f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
    return f"<img src='{address}' alt='{description}' width='{size[0]}' height='{size[1]}' style='border-radius: 4px'>"


def results(classifier: Classifier, shown: Sequence[Shown]) -> None:
    """Draw class counts, warnings, the table to download, filters, and the filtered images."""
    predictions = [one.prediction for one in shown]
    counts = Counter(state(one) if state(one) != ANSWERED else one.label for one in predictions)
    chips = "".join(
        f"<span style='border: 1px solid #8886; border-radius: 1rem; padding: .15rem .75rem'>{html.escape(name)} "
        f"<strong>{counts[name]:,}</strong></span>"
        for name in [*classifier.classes, ABSTAINS, UNREADABLE]
        if counts[name]
    )
    st.html(f"<div style='display: flex; flex-wrap: wrap; gap: .5rem'>{chips}</div>")
    for concern in concerns.of_predictions(classifier, predictions):
        box(concern)
    left, middle, right = st.columns(3)
    states = [
        ALL,
        *(name for name in (ANSWERED, ABSTAINS, UNREADABLE) if any(state(one) == name for one in predictions)),
    ]
    wanted = left.selectbox("Show", states)
    labels = [name for name in classifier.classes if any(one.label == name for one in predictions)]
    classes = middle.multiselect("Classes", labels, placeholder="all")
    order = right.selectbox("Order", ORDERS)
    kept = [
        one
        for one in shown
        if wanted in (ALL, state(one.prediction)) and (not classes or one.prediction.label in classes)
    ]
    if order == ORDERS[1]:
        kept.sort(key=lambda one: (bool(one.prediction.error), -one.prediction.abstains, one.prediction.confidence))
    elif order == ORDERS[2]:
        kept.sort(key=lambda one: (bool(one.prediction.error), one.prediction.label))
    table = io.StringIO()
    for _ in write_csv(iter(predictions), classifier.classes, table):
        pass
    st.download_button("Save all as a table (CSV)", table.getvalue(), "predictions.csv", "text/csv", on_click="ignore")
    cards = "".join(card(one, classifier.classes) for one in kept)
    grid = "display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); gap: .75rem"
    st.html(f"<div style='{grid}'>{cards}</div>")


def state(prediction: Prediction) -> str:
    """Return the state of an image: classified, abstained from, or not readable."""
    return UNREADABLE if prediction.error else ABSTAINS if prediction.abstains else ANSWERED


def card(shown: Shown, classes: Sequence[str]) -> str:
    """Return the HTML of one image: pictures, class or reason, bars of the probabilities, name."""
    one = shown.prediction
    if one.error:
        said, detail = UNREADABLE, one.error
    elif one.abstains:
        said, detail = ABSTAINS, one.reason
    else:
        said, detail = one.label, ""
    if len(one.prediction_set) > 1 or one.abstains:
        detail += f". Prediction set: {', '.join(one.prediction_set) or 'none'}"
    ranked = sorted(zip(one.probabilities, classes, strict=True), reverse=True) if one.probabilities else []
    bars = "".join(bar(name, probability) for probability, name in ranked)
    style = "dashed #d97706" if one.error or one.abstains else "solid #8886"
    return (
        f"<div style='border: 1px {style}; border-radius: .5rem; padding: .75rem; overflow-wrap: anywhere'>"
        f"<div style='display: flex; gap: .5rem'>{shown.pictures}</div>"
        f"<h2 style='font-size: 1.15rem; padding: .5rem 0 0'>{html.escape(said)}</h2>"
        f"<div style='font-size: .85rem'>{html.escape(detail.lstrip('. '))}</div>"
        f"<div style='padding: .4rem 0'>{bars}</div>"
        f"<div style='font-size: .8rem; opacity: .8'>{html.escape(one.path)}</div></div>"
    )


def bar(name: str, probability: float) -> str:
    """Return the HTML of a class name, a bar as long as its probability, and the number."""
    return (
        "<div style='display: grid; grid-template-columns: 7rem 1fr 2.5rem; gap: .5rem; align-items: center; "
        f"font-size: .85rem'><span>{html.escape(name)}</span><span style='background: #8883; border-radius: 2px'>"
        f"<span style='display: block; height: .6rem; border-radius: 2px; background: #2f7ed8; "
        f"width: {100 * probability:.1f}%'></span></span><span style='text-align: right'>{probability:.2f}</span></div>"
    )


def box(text: str) -> None:
    """Draw a warning of plain text."""
    st.html(
        "<div style='border: 1px solid #d97706; border-left-width: 6px; border-radius: .35rem; padding: .5rem .75rem; "
        f"overflow-wrap: anywhere'>{html.escape(text)}</div>"
    )


if __name__ == "__main__":
    main()
