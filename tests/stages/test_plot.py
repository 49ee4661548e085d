"""The plot stage on fabricated inputs: what the pages say, that they stand alone, and come out the same twice."""

import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stages import plot
from wbc.plot.sentences import SYNTHETIC
from wbc.split.audit import audit

FIVE = ["basophil", "eosinophil", "lymphocyte", "monocyte", "neutrophil"]
AWKWARD = ["<b>young</b> | `$a$` & *more*", "плазматическая клетка крови", "嗜酸性粒细胞", "NA", "1", "x" * 70]
PARAMS = "plot:\n  colormap: Blues\n  mistakes: 4\n  near_duplicates: 2\n  min_cells: 2\n"
TRUTH = {
    "known": True,
    "cells": 5,
    "groups": 8,
    "photo_id": {"pair_recall": 0.75, "pair_precision": 1.0},
    "leak": {"image": 0.9, "grouped": 0.07, "crossval": 0.27},
}
USE = {
    "temperature": 1.5,
    "ece": {"before": 0.11, "after": 0.04},
    "coverage_asked": 0.9,
    "coverage": 0.912,
    "set_size": 1.25,
    "unlike": 0.01,
    "accuracy": 0.5,
    "answered": 0.4,
    "accuracy_answered": 0.75,
    "risk": {"50 %": 0.1, "100 %": 0.5},
}
RELIABILITY = "low,high,images,weight,confidence,accuracy\n0.4,0.5,3,0.25,0.45,0.5\n0.9,1.0,9,0.75,0.95,0.9\n"
CHECKED = {"searched": True, "own_parts": False, "foreground": {"typical": 0.4, "classes": {"a": 0.3, "b": 0.5}}}
PAGES = ("README.md", "index.html", "model_card.md", "data_card.md")
HOLDOUTS = ("image", "grouped", "crossval")
CELLS_COUNTED = re.compile(
    r".{20}(?:\d cells?\b(?! are kept together)|[Bb]y cell|one per cell|whole cells|a cell with|\| cells).{20}"
)


def fabricate(root, classes, synthetic=False, wrong=True, untested=None, two_labels=False):
    """Write every input of the stage under `root`: 12 images of 6 cells per class, 2 cells of which are test cells.

    With `wrong`, one of the two test cells of each class is called the next class. The class `untested` has no test
    image, and in the cross-validation too few cells. With `two_labels`, one cell stands under the first two classes.
    """
    paths = [(f"{label[:8].strip('/')}{index}.png", label) for label in classes for index in range(12)]
    splits = pd.DataFrame(paths, columns=["path", "label"])
    splits["photo_id"] = np.arange(len(splits)) // 2
    parts = ["train"] * 6 + ["valid"] * 2 + ["test"] * 4
    splits["grouped"] = ["train" if label == untested else parts[i % 12] for i, (_, label) in enumerate(paths)]
    splits["image"] = ["train" if label == untested else parts[-i % 12] for i, (_, label) in enumerate(paths)]
    splits["fold"] = splits["photo_id"] % 3
    splits["withheld"] = ""
    splits["validates"] = 1
    if two_labels:
        splits.loc[12, "photo_id"] = 0
    fetch = {
        "source": "synthetic" if synthetic else "kaggle",
        "synthetic": synthetic,
        "description": "images made up for a test",
        "origin": "brikwerk/bccd-white-blood-cell version 1",
        "sha256": None,
        "images": len(splits),
        "classes": dict.fromkeys(classes, 12),
        "converted": {"grayscale to RGB": {"count": 3, "examples": ["a.png"]}},
        "quarantined": [{"path": "x|<i>.jpg", "reason": "the file is empty"}],
        "ignored": [],
        "relabelled": {"a|<b>1.png": "c/1.png"},
        "merged": {classes[0]: ["one|<u>", "two"]},
    }
    features = {
        "backbone": "EfficientNetB0",
        "weights": "imagenet",
        "weights_foreground": [0.1, 0.2],
        "image_size": 32,
        "parameters": 3000000,
        "test_views": 8,
        "views": 4,
    }
    training = {"epochs": 2, "best_epoch": 1, "units": [9], "parameters": {"total": 4000000, "trainable": 1000}}
    of_folds = {"heads_of_a_fold": 4, "epochs": [1, 2], "units": [8, 4], "parameters": {"total": 5000000}}
    history = {"epoch": [1, 2], "loss": [1, 0.5], "accuracy": [0.5, 0.6], "learning_rate": [0.1, 0.01]}
    for protocol in HOLDOUTS:
        folder = root / "reports" / protocol
        folder.mkdir(parents=True)
        scored = splits if protocol == "crossval" else splits[splits[protocol] == "test"]
        _scores(folder, scored.reset_index(drop=True), classes, synthetic, wrong, untested)
        (folder / "training.json").write_text(json.dumps(of_folds if protocol == "crossval" else training))
        if protocol != "crossval":
            pd.DataFrame(history).to_csv(folder / "history.csv", index=False)
    (root / "data" / "features").mkdir(parents=True)
    (root / "data" / "raw").mkdir()
    (root / "data" / "fetch.json").write_text(json.dumps(fetch))
    (root / "data" / "features" / "features.json").write_text(json.dumps(features))
    (root / "reports" / "truth.json").write_text(json.dumps(TRUTH if synthetic else {"known": False}))
    (root / "reports" / "use.json").write_text(json.dumps(USE))
    maps = {path: [[0.0, 1.0], [0.5, 0.0]] for path in splits["path"]}
    (root / "reports" / "heat_maps.json").write_text(json.dumps(dict.fromkeys(HOLDOUTS, maps)))
    strangers = {"noise": {"images": 10, "abstained": 0.9, "unlike": 0.8}}
    (root / "reports" / "strangers.json").write_text(json.dumps(strangers))
    (root / "reports" / "reliability.csv").write_text(RELIABILITY)
    suspect = {"path": splits["path"][0], "images": 2, "group": 0, "label": classes[0], "suggested": classes[1]}
    pd.DataFrame([suspect | {"p_label": 0.125, "p_suggested": 0.875}]).to_csv(
        root / "reports" / "suspects.csv", index=False
    )
    photos = splits["photo_id"].to_numpy()
    splits["group"] = photos
    (root / "reports" / "audit.json").write_text(json.dumps(audit(splits, photos, (0.5, 0.2), photos) | CHECKED))
    splits.to_csv(root / "data" / "splits.csv", index=False)
    for path in splits["path"]:
        Path(root / "data" / "raw" / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 20), "purple").save(root / "data" / "raw" / path)
    (root / "params.yaml").write_text(PARAMS)


def _scores(folder, scored, classes, synthetic, wrong, untested):
    """Write the metrics, predictions and curves of the images `scored` into `folder`."""
    predictions = scored[["path", "label"]].assign(group=scored["photo_id"])
    wrongly = scored["photo_id"] % 2 == 1 if wrong else np.zeros(len(scored), bool)
    predictions["predicted"] = [
        classes[(classes.index(label) + is_wrong) % len(classes)]
        for label, is_wrong in zip(scored["label"], wrongly, strict=True)
    ]
    for name in classes:
        predictions[f"p_{name}"] = np.where(predictions["predicted"] == name, 0.9, 0.02)
    scores = {"precision": 0.5, "recall": 0.25, "specificity": 0.75, "f1": 0.3333, "auc": 0.8, "support": 4}
    span = {"low": 0.125, "high": 0.375}
    tested = [name for name in classes if name != untested]
    per_class = {name: dict(scores) for name in tested}
    cells = {name: {"recall": 0.25, "support": 2} for name in tested}
    if untested:
        per_class[untested] = {"specificity": 1.0, "support": 0}
        cells[untested] = {"support": 0}
    recalls = {name: {"recall": span} for name in tested}
    averages = {"accuracy": 0.5, "balanced_accuracy": 0.5, "macro": {"precision": 0.5, "f1": 0.5, "auc": 0.8}}
    spans = {"accuracy": {"low": 0.3, "high": 0.7}, "balanced_accuracy": {"low": 0.31, "high": 0.71, "wilson": 1}}
    baseline = {"accuracy": 0.35, "balanced_accuracy": 0.35}
    metrics = {
        "synthetic": int(synthetic),
        "folds": 3,
        "suspects": {"groups": 1, "accuracy": 0.6, "balanced_accuracy": 0.625},
        **averages,
        "per_class": per_class,
        "cells": {**averages, "balanced_accuracy_common": 0.75, "common_from": 5, "per_class": cells},
        "intervals": {"confidence_level": 0.95, "n_resamples": 1000, **spans, "per_class": recalls}
        | {"cells": {**spans, "per_class": recalls}},
        "baseline": {
            name: {**baseline, "cells": baseline} for name in ("majority", "color_histogram", "logistic_regression")
        },
    }
    curve = [(name, x, y) for name in tested for x, y in ((0, 1), (0.5, 1), (1, 0.5))]
    (folder / "metrics.json").write_text(json.dumps(metrics))
    predictions.to_csv(folder / "predictions.csv", index=False)
    pd.DataFrame(curve, columns=["class", "fpr", "tpr"]).to_csv(folder / "roc.csv", index=False)
    pd.DataFrame(curve, columns=["class", "recall", "precision"]).to_csv(folder / "pr.csv", index=False)


def run(root):
    """Run the stage in `root`; return {path below reports/: bytes} of what it wrote."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        plot.main()
    pages = [root / "reports" / name for name in PAGES]
    written = [*pages, *(root / "reports" / "figures").iterdir()]
    return {path.relative_to(root / "reports").as_posix(): path.read_bytes() for path in written}


@pytest.fixture(scope="module")
def five(tmp_path_factory):
    """Output for the five classes of the original study, of which one has no test image."""
    root = tmp_path_factory.mktemp("five")
    fabricate(root, FIVE, untested="basophil")
    return run(root)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Output for two classes, of which a cell stands under both."""
    root = tmp_path_factory.mktemp("two")
    fabricate(root, FIVE[:2], two_labels=True)
    return run(root)


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """Output for two classes of drawn cells with all pictures of cells turned off."""
    root = tmp_path_factory.mktemp("bare")
    fabricate(root, FIVE[:2], synthetic=True)
    without = PARAMS.replace("mistakes: 4", "mistakes: 0").replace("near_duplicates: 2", "near_duplicates: 0")
    (root / "params.yaml").write_text(without)
    return run(root)


@pytest.fixture(scope="module")
def awkward(tmp_path_factory):
    """Output for class names that break careless pages."""
    root = tmp_path_factory.mktemp("awkward")
    fabricate(root, AWKWARD)
    return run(root)


class Page(HTMLParser):
    """Reads a page, insisting that tags close in the order in which they were opened."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.captions = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br", "link", "input"):
            self.open.append(tag)
        if tag == "caption":
            self.captions.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "caption" in self.open:
            self.captions[-1] += data


def test_same_inputs_give_the_same_bytes_wherever_they_are(two, tmp_path):
    fabricate(tmp_path, FIVE[:2], two_labels=True)
    assert run(tmp_path) == two
    kinds = ("confusion.svg", "roc.svg", "pr.svg", "mistakes.png")
    names = {f"{protocol}_{kind}" for protocol in HOLDOUTS for kind in kinds}
    names |= {"image_history.svg", "grouped_history.svg", "recall.svg", "composition.svg", "near_duplicates.png"}
    names |= {"reliability.svg", "risk.svg"}
    assert set(two) == {f"figures/{name}" for name in names} | set(PAGES)
    assert "Software" not in Image.open(tmp_path / "reports/figures/image_mistakes.png").info


def test_the_synthetic_label_stands_once_at_the_top_and_in_every_figure(bare):
    drawings = [content.decode() for name, content in bare.items() if name.endswith(".svg")]
    words = [" ".join(html.unescape(re.sub(r"<[^>]+>", " ", drawing)).split()) for drawing in drawings]
    assert drawings and all(SYNTHETIC in text for text in words)
    for page in ("index.html", "README.md"):
        text = html.unescape(bare[page].decode())
        assert text.lower().count(SYNTHETIC.lower()) == 1, "once at the top; the figures carry it themselves"


def test_real_images_carry_no_synthetic_label(two):
    assert not any(SYNTHETIC[:15].lower().encode() in content.lower() for content in two.values())


def test_html_stands_alone_and_names_are_escaped(awkward):
    text = awkward["index.html"].decode()
    page = Page(text)
    assert ("html", {"lang": "en"}) in page.tags
    images = [attrs for tag, attrs in page.tags if tag == "img"]
    assert images and all(image["src"].startswith("data:image/jpeg;base64,") for image in images)
    figures = [attrs for tag, attrs in page.tags if tag == "figure"]
    assert len(figures) == 12 and all(len(figure["aria-label"]) > 40 for figure in figures)
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = {attrs["popovertarget"] for _, attrs in page.tags if "popovertarget" in attrs}
    assert targets and targets <= set(ids)
    assert not any(tag in ("script", "iframe") for tag, _ in page.tags)
    assert [attrs["href"] for tag, attrs in page.tags if tag == "link"] == ["data:,"]
    assert not re.search(r"""(url\((?!#)|@import|src=["']?http)""", text)
    assert "<b>young" not in text and "<u>" not in text and "x|<i>" not in text and "&lt;b&gt;young" in text


def test_markdown_tables_keep_their_columns(awkward):
    text = awkward["README.md"].decode()
    for table in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1
    assert "<b>" not in text.replace(r"\<b\>", "")
    assert r"x\|\<i\>.jpg: the file is empty" in text
    assert r"put together from the folders one\|\<u\>, two." in text


def test_a_class_without_scored_cells_is_not_estimable_with_the_reason(five):
    text, page = five["README.md"].decode(), five["index.html"].decode()
    none = "not estimable: 0 cells"
    assert f"| basophil | – | {none} | 1.00 | {none} | {none} | – | 0 | 0 | 1.00 | 1.00 | 1.00 |" in text
    assert f"| Recall: basophil | {none} | {none} | {none} |" in text
    assert "**Not estimable** (basophil): Fewer than 2 cells of the class were scored" in text
    assert none in page and "Fewer than 2 cells of the class were scored" in page
    assert "– means: not defined" in text and "– means: not defined" in page
    assert "no image of basophil is in the test part" in text and "no image of basophil is in the test part" in page


def test_the_first_screen_has_the_number_to_believe_with_its_interval(five):
    text, page = five["README.md"].decode(), five["index.html"].decode()
    assert "**The number to believe: 0.50** (95 % interval 0.31–0.71†), cross-validated by cell" in text
    assert page.index("The number to believe") < page.index("All scores side by side")
    assert "60 images of 5 classes show 30 cells" in text and "60 images of 5 classes show 30 cells" in page


def test_the_protocols_stand_in_one_table_with_intervals_and_numbers(five):
    text = five["README.md"].decode()
    header = (
        "| cross-validated by cell | split by cell | split by file (the original's way) | original study, per image |"
    )
    assert header in text
    assert "| Scored | 60 images, 30 cells | 16 images, 8 cells | 16 images, 12 cells | 530 images |" in text
    assert "| Recall: monocyte | 0.25 (0.12–0.38) | 0.25 (0.12–0.38) | 0.25 (0.12–0.38) | 0.99 |" in text


def test_given_groups_are_called_by_their_name_throughout(tmp_path):
    """A patient has many cells, so what is counted and kept together must not be called cells."""
    fabricate(tmp_path, FIVE, synthetic=True, untested="basophil")
    file = tmp_path / "reports" / "audit.json"
    patients = {"groups": 30, "images": 60, "without": [], "two_labels": []}
    given = {"level": "patient", "kinds": {"patient": patients}, "without_files": []}
    file.write_text(json.dumps(json.loads(file.read_text()) | {"level": "patient", "given": given}))
    written = run(tmp_path)
    for name in ("README.md", "index.html", "model_card.md", "data_card.md"):
        text = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", written[name].decode())).split())
        assert CELLS_COUNTED.findall(text) == []
        assert "not estimable: 0 patients" in text or name == "model_card.md"
    assert "5 cells are kept together as 8 patients" in written["README.md"].decode()
    for name in ("composition", "crossval_confusion"):
        assert b"patient" in written[f"figures/{name}.svg"] and b"12 cells" not in written[f"figures/{name}.svg"]


def test_a_head_that_does_not_beat_logistic_regression_is_said_not_to(five):
    for page in ("README.md", "index.html"):
        said = "The classifier is no better than logistic regression on the same features: balanced accuracy 0.50"
        assert said in five[page].decode()


def test_the_audit_is_in_both_pages(two):
    for page in ("README.md", "index.html"):
        text = two[page].decode()
        assert "1 cell stands under more than one label" in text
        assert "basophil (2), eosinophil (1)" in text and "eosinoph0.png" in text
        assert "23 images are identical to another, pixel by pixel, in 11 sets" in text


def test_mistakes_are_shown_once_a_cell(five):
    """Groups of odd number are called wrongly, and all equally surely: of both images of a cell, the first by path."""
    page = five["index.html"].decode()
    section = page[page.index("most confident mistakes, one per cell") :]
    section = section[: section.index("</details>")]
    assert section.count("<img ") == 2 * 4, "each beside its heat map"
    assert re.findall(r"(\w+\.png)</span></li>", section) == [
        *(f"basophil{number}.png" for number in (10, 2, 6)),
        "eosinoph10.png",
    ]


def test_nothing_wrong_is_said_instead_of_shown(tmp_path):
    fabricate(tmp_path, FIVE[:2], wrong=False)
    written = run(tmp_path)
    assert not any("mistakes" in name for name in written)
    for page, protocols in (("README.md", 1), ("index.html", 3)):
        assert written[page].decode().count("No image was classified wrongly") == protocols


def test_no_pictures_wanted_puts_no_picture_of_a_cell_in_the_report(bare):
    assert not any(name.endswith(".png") for name in bare)
    assert b"data:image" not in bare["index.html"]
    text = bare["README.md"].decode()
    assert "`plot.mistakes` is 0" in text and "`plot.near_duplicates` is 0" in text


def test_a_missing_input_is_named_with_what_to_type(tmp_path, monkeypatch, capsys):
    fabricate(tmp_path, FIVE[:2])
    (tmp_path / "reports" / "grouped" / "roc.csv").unlink()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        plot.main()
    message = capsys.readouterr().err
    assert "reports/grouped/roc.csv" in message and "dvc repro" in message
    assert not (tmp_path / "reports" / "README.md").exists()


def test_the_true_leak_is_said_where_it_is_known_and_not_elsewhere(tmp_path, monkeypatch):
    pages = {}
    for synthetic in (True, False):
        root = tmp_path / str(synthetic)
        root.mkdir()
        fabricate(root, FIVE, synthetic=synthetic)
        (root / "params.yaml").write_text(PARAMS)
        monkeypatch.chdir(root)
        plot.main()
        pages[synthetic] = (root / "reports/README.md").read_text(encoding="utf-8")
    assert "27.0 % have a true copy in training" in pages[True] and "too high by what those copies add" in pages[True]
    assert "can't be said" in pages[False] and "true copy" not in pages[False]
    assert all("without its copies" not in page for page in pages.values())


def test_a_square_of_the_confusion_matrix_has_pictures_of_its_images(five):
    """Of eosinophils, the cells of odd number were called lymphocyte."""
    page = five["index.html"].decode()
    popover = re.search(r"<strong>eosinophil called lymphocyte</strong>.*?</ul>", page, re.DOTALL).group()
    assert "6 images of 3 cells, the surest first" in popover
    assert re.findall(r"(\w+\.png)</span>", popover) == ["eosinoph10.png", "eosinoph2.png", "eosinoph6.png"]
    assert popover.count("data:image/jpeg;base64,") == 3


def test_what_the_classifier_for_use_promises_is_said_with_its_limits(five):
    for page in ("README.md", "index.html"):
        text = html.unescape(five[page].decode())
        assert "it answers 40 % of them, and 75 % of these answers are right" in text
        assert "hold the true class for 91.2 % of the images (90 % was asked for)" in text
        assert "error is 0.040, and without it 0.110" in text
        assert "of 10 pictures each, it abstains from 90 % (noise)." in text
        assert "calibration doesn't transfer" in text and "probabilities are not calibrated" not in text


def test_the_cards_say_what_it_is_for_how_good_it_is_and_what_is_not_known(five, awkward):
    card, data = five["model_card.md"].decode(), five["data_card.md"].decode()
    assert "**Not a medical device**" in card and "mean of 12 heads of 8 and 4 units" in card
    assert "| Balanced accuracy | 0.50 (0.31–0.71†) |" in card
    assert "| 5,000,000 |" in card and "| 4,000,000, 1,000 |" in card
    assert "60 images of 30 cells in 5 classes" in data and "under which licence the images are" in data
    assert r"\<b\>young\</b\>" in awkward["model_card.md"].decode() and "<b>" not in awkward["data_card.md"].decode()


def test_labels_that_are_doubted_are_shown_and_nothing_is_said_to_be_wrong(five):
    page, text = five["index.html"].decode(), five["README.md"].decode()
    for said in (page, text):
        assert "doubts the label of 1 cell" in said and "would be 0.62 in place of 0.50" in said
        assert "only a look at the image says; nothing was changed" in said
    assert "basophil, rather eosinophil? 0.12 against 0.88" in html.unescape(page)
    assert "Without the classes of fewer than 5 cells" in page and "Without the classes of fewer than 5 cells" in text


def test_labels_that_the_user_changed_are_said(five):
    assert "1 image was given another label by the user's list" in html.unescape(five["index.html"].decode())
