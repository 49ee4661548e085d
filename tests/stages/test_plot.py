"""The plot stage on fabricated inputs: the facts on its pages, that they stand alone, and come out the same twice."""

import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stages import plot
from wbc.plot import pictures
from wbc.plot.rendering import word
from wbc.split.audit import audit
from wbc.train.heads import Heads

FIVE = ["basophil", "eosinophil", "lymphocyte", "monocyte", "neutrophil"]
AWKWARD = ["<b>young</b> | `$a$` & *more*", "плазматическая клетка крови", "嗜酸性粒细胞", "NA", "1", "x" * 70]
PARAMS = """
plot: {colormap: Blues, mistakes: 4, near_duplicates: 2, min_cells: 2}
report: {title: "Cells & <more>", unit: cell, note: null}
"""
SYNTHETIC = word("SYNTHETIC")
TRUTH = {
    "known": True,
    "cells": 5,
    "groups": 8,
    "photo_id": {"pair_recall": 0.75, "pair_precision": 1.0},
    "leak": {"image": 0.9, "grouped": 0.07, "crossval": 0.27},
}
CHECKED = {"searched": True, "own_parts": False, "foreground": {"typical": 0.4, "classes": {"a": 0.3, "b": 0.5}}}
PAGES = ("README.md", "index.html", "data_card.md")
SCHEMES = ("image", "grouped", "crossval")
CELLS_COUNTED = re.compile(
    r".{20}(?:\d cells?\b(?! form)|\b[Bb]y cell|one per cell|new cells?\b|whole cells|[Ee]ach cell|a cell with)"
    r".{20}"
)


class FakeMaps:
    """Stands for the backbone, which a fabricated project has not: remembers whose maps were asked for."""

    asked: ClassVar[list[tuple]] = []

    def __init__(self, graph, size, tta_views):
        assert (graph, size, tta_views) == (b"graph", 32, 8)

    def map(self, image, heads, label):
        assert image.shape == (32, 32, 3)
        self.asked.append((*heads, label))
        return np.array([[0.0, 1.0], [0.5, 0.0]])


def fabricate(root, classes, synthetic=False, wrong=True, untested=None, two_labels=False, patients=False, cells=None):
    """Write every input of the stage under `root`: 12 images of 6 cells per class, 2 cells of which are test cells.

    With `wrong`, one of the two test cells of each class is predicted as the next class. The class `untested` has no
    test image, and in the cross-validation too few cells. With `two_labels`, one cell stands under the first two
    classes. With `patients`, three patients are given, who have cells of every class. `cells` is how many of each
    class the split by group has scored.
    """
    paths = [(f"{label[:8].strip('/')}{index}.png", label) for label in classes for index in range(12)]
    splits = pd.DataFrame(paths, columns=["path", "label"])
    splits["photo_id"] = np.arange(len(splits)) // 2
    parts = ["train"] * 6 + ["valid"] * 2 + ["test"] * 4
    splits["grouped"] = ["train" if label == untested else parts[i % 12] for i, (_, label) in enumerate(paths)]
    splits["image"] = ["train" if label == untested else parts[-i % 12] for i, (_, label) in enumerate(paths)]
    splits["fold"] = splits["photo_id"] % 3
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
        "tta_views": 8,
        "views": 4,
    }
    training = {"epochs": 2, "best_epoch": 1, "units": [9], "parameters": {"total": 4000000, "trainable": 1000}}
    of_folds = {"heads_of_a_fold": 4, "epochs": [1, 2], "units": [8, 4], "parameters": {"total": 5000000}}
    facts = {"image": training, "grouped": training, "crossval": of_folds}
    history = {"epoch": [1, 2], "loss": [1, 0.5], "accuracy": [0.5, 0.6], "learning_rate": [0.1, 0.01]}
    for scheme in SCHEMES:
        folder = root / "reports" / scheme
        folder.mkdir(parents=True)
        scored = splits if scheme == "crossval" else splits[splits[scheme] == "test"]
        few = cells if scheme == "grouped" else None
        _scores(folder, scored.reset_index(drop=True), classes, synthetic, wrong, untested, few)
        (root / "models" / "heads" / scheme).mkdir(parents=True)
        if scheme != "crossval":
            pd.DataFrame(history).to_csv(root / "models" / "heads" / scheme / "history.csv", index=False)
    (root / "models" / "heads" / "training.json").write_text(json.dumps(facts))
    (root / "models" / "heads" / "classes.json").write_text(json.dumps(sorted(classes)))
    (root / "data" / "features").mkdir(parents=True)
    (root / "data" / "fetch.json").write_text(json.dumps(fetch))
    (root / "data" / "features" / "features.json").write_text(json.dumps(features))
    (root / "data" / "features" / "backbone.pb").write_bytes(b"graph")
    np.save(root / "data" / "features" / "features.npy", np.zeros((len(splits), 1, 3), np.float16))
    doubted = {"path": splits["path"][0], "images": 2, "group": 0, "label": classes[0], "suggested": classes[1]}
    table = pd.DataFrame([doubted | {"p_label": 0.125, "p_suggested": 0.875}])
    table.to_csv(root / "reports" / "label_errors.csv", index=False)
    photos = splits["photo_id"].to_numpy()
    splits["group"], given, given_groups = photos, None, None
    if patients:
        splits["group"] = given_groups = np.arange(len(splits)) % 3
        kinds = {"patient": {"groups": 3, "images": len(splits), "without": [], "two_labels": []}}
        given = {"level": "patient", "kinds": kinds, "without_files": []}
    split = audit(splits, photos, (0.5, 0.2), photos, [set()] * len(splits), [], given, given_groups) | CHECKED
    details = {"split": split, "truth": TRUTH if synthetic else {"known": False}}
    (root / "reports" / "details.json").write_text(json.dumps(details))
    splits.to_csv(root / "data" / "splits.csv", index=False)
    for path in splits["path"]:
        Path(root / "data" / "images" / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 20), "purple").save(root / "data" / "images" / path)
    (root / "params.yaml").write_text(PARAMS)


def _scores(folder, scored, classes, synthetic, wrong, untested, few):
    """Write the metrics, predictions and curves of the images `scored` into `folder`."""
    predictions = scored[["path", "label"]].assign(group=scored["photo_id"], fold=scored["fold"])
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
    cells = {name: {"recall": 0.25, "support": 2 if few is None else few} for name in tested}
    if untested:
        per_class[untested] = {"specificity": 1.0, "support": 0}
        cells[untested] = {"support": 0}
    recalls = {name: {"recall": span} for name in tested}
    averages = {"accuracy": 0.5, "balanced_accuracy": 0.5, "macro": {"precision": 0.5, "f1": 0.5, "auc": 0.8}}
    spans = {"accuracy": {"low": 0.3, "high": 0.7}, "balanced_accuracy": {"low": 0.31, "high": 0.71}}
    baseline = {"accuracy": 0.35, "balanced_accuracy": 0.35}
    metrics = {
        "synthetic": int(synthetic),
        "folds": 3,
        "label_errors": {"groups": 1, "accuracy": 0.6, "balanced_accuracy": 0.625},
        **averages,
        "per_class": per_class,
        "cells": {**averages, "balanced_accuracy_common": 0.75, "common_from": 5, "per_class": cells},
        "intervals": {"confidence_level": 0.95, **spans, "per_class": recalls}
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
        patch.setattr(pictures, "HeatMaps", FakeMaps)
        patch.setattr(FakeMaps, "asked", [])
        patch.setattr(Heads, "head", lambda self, scheme: scheme)
        patch.setattr(Heads, "of_fold", lambda self, fold: [f"fold {fold}"])
        plot.main()
        run.asked = FakeMaps.asked
    pages = [root / "reports" / name for name in PAGES]
    written = [*pages, *(root / "reports" / "figures").iterdir()]
    return {path.relative_to(root / "reports").as_posix(): path.read_bytes() for path in written}


def words_of(written, name):
    """The text of a page without tags and marks of quotations, and with single spaces where there are others."""
    text = re.sub(r"^> ", "", written[name].decode(), flags=re.MULTILINE)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


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
    (root / "data/features/backbone.pb").unlink()  # no mistake is shown, so no backbone is needed
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
    names = {f"{scheme}_{kind}" for scheme in SCHEMES for kind in kinds}
    names |= {"image_history.svg", "grouped_history.svg", "recall.svg", "composition.svg", "near_duplicates.png"}
    assert set(two) == {f"figures/{name}" for name in names} | set(PAGES)
    assert "Software" not in Image.open(tmp_path / "reports/figures/image_mistakes.png").info


def test_the_synthetic_label_is_once_at_the_top_and_in_every_figure(bare):
    drawings = [words_of(bare, name) for name in bare if name.endswith(".svg")]
    assert drawings and all(SYNTHETIC in text for text in drawings)
    for page in ("index.html", "README.md"):
        text = html.unescape(bare[page].decode())
        assert text.count(SYNTHETIC) == 1, "once at the top; the figures carry it themselves"


def test_real_images_carry_no_synthetic_label(two):
    assert not any(b"synthetic cells" in content.lower() for content in two.values())


def test_title_and_note_are_the_configured_ones(tmp_path):
    fabricate(tmp_path, FIVE[:2])
    (tmp_path / "params.yaml").write_text(PARAMS.replace("note: null", "note: Only <two> classes."))
    written = run(tmp_path)
    page = written["index.html"].decode()
    assert "<title>Cells &amp; &lt;more&gt;</title>" in page and "<h1>Cells &amp; &lt;more&gt;</h1>" in page
    assert page.count("Only &lt;two&gt; classes.") == 1
    start = "# Cells \\& \\<more\\>\n\n> [!WARNING]\n> Only \\<two\\> classes.\n"
    assert written["README.md"].decode().startswith(start)
    assert all("Only <two> classes." in words_of(written, name) for name in written if name.endswith(".svg"))


def test_html_stands_alone_and_names_are_escaped(awkward):
    text = awkward["index.html"].decode()
    page = Page(text)
    assert ("html", {"lang": "en"}) in page.tags
    images = [attrs for tag, attrs in page.tags if tag == "img"]
    assert images and all(image["src"].startswith("data:image/jpeg;base64,") for image in images)
    figures = [attrs for tag, attrs in page.tags if tag == "figure"]
    assert len(figures) == 10 and all(len(figure["aria-label"]) > 40 for figure in figures)
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = {attrs["popovertarget"] for _, attrs in page.tags if "popovertarget" in attrs}
    assert targets and targets <= set(ids)
    assert not any(tag in ("script", "iframe") for tag, _ in page.tags)
    assert [attrs["href"] for tag, attrs in page.tags if tag == "link"] == ["data:,"]
    assert not re.search(r"""(url\((?!#)|@import|src=["']?http)""", text)
    assert "<b>young" not in text and "<u>" not in text and "x|<i>" not in text and "&lt;b&gt;young" in text
    assert "&amp;lt;" not in text and "&amp;amp;" not in text


def test_markdown_tables_keep_their_columns_and_names_are_escaped(awkward, five):
    for written in (awkward, five):
        text = written["README.md"].decode()
        tables = re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE)
        assert len(tables) >= 5
        for table in tables:
            assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1
            assert re.match(r"\| --- \|", table.splitlines()[1])
    text = awkward["README.md"].decode()
    assert "<b>" not in text.replace(r"\<b\>", "") and "&lt;" not in text and "\\\\" not in text
    assert r"x\|\<i\>.jpg: the file is empty" in text
    assert r"was merged from the folders one\|\<u\>, two." in text


def test_the_pictures_of_the_markdown_page_are_there(five):
    links = re.findall(r"\]\((figures/[^)]+)\)", five["README.md"].decode())
    assert len(links) >= 5 and set(links) <= set(five)


def test_a_class_without_scored_cells_is_not_estimable_with_the_reason(five):
    text, page = five["README.md"].decode(), words_of(five, "index.html")
    none = "not estimable: 0 cells"
    assert f"| basophil | – | {none} | 1.00 | {none} | {none} | – | 0 | 0 |" in text
    assert f"| basophil | {none} | {none} | {none} |" in text
    for said in (text, page):
        assert "Not estimable (basophil): fewer than 2 cells of the class were scored" in said
        assert "– means not defined" in said and none in said
        assert "no image of basophil is in the test part" in said


def test_a_scheme_that_can_not_estimate_any_recall_is_left_out_with_one_sentence(tmp_path):
    fabricate(tmp_path, FIVE, cells=1)
    written = run(tmp_path)
    page, text = words_of(written, "index.html"), written["README.md"].decode()
    for said in (page, text):
        assert said.count("Left out: split by cell, where fewer than 2 cells of each class were scored.") == 1
    assert "| recall, each cell counts once | cross-validated by cell | split by file |" in text
    section = written["index.html"].decode().split('<div class="panel grouped">')[1].split("</details>")[0]
    assert "Recall, F1 and AUC are not estimable: fewer than 2 cells of each class were scored." in section
    assert "not estimable: 1 cell" not in section.split("<details>")[0]


def test_the_first_screen_answers_three_questions_in_order(five):
    page, text = words_of(five, "index.html"), words_of(five, "README.md")
    score = page.index("Recommended estimate 0.50 95 % interval 0.31–0.71")
    leakage, baselines = page.index("Leakage in a split by file"), page.index("Simple baselines")
    assert score < leakage < baselines < page.index("Recall of each class")
    for said in (page, text):
        assert "about 50 (31 to 71) of 100 images of new cells are classified correctly" in said
        assert "60 images of 30 cells" in said
        assert "no better than logistic regression on the same features: 0.50 (0.31–0.71) against 0.35" in said
        assert "the original study, split by file, reported 0.92 on these images" in said


def test_the_original_study_is_in_no_table_in_which_each_cell_counts_once(five):
    page = five["index.html"].decode()
    tables = re.findall(r"<table.*?</table>", page, flags=re.DOTALL)
    studied = [table for table in tables if "0.92" in table]
    assert len(studied) == 1 and "Original study, each image counting once" in studied[0]
    assert all("original" not in table for table in tables if "ach cell count" in table)


def test_schemes_are_next_to_each_other_with_intervals_and_numbers(five):
    text = five["README.md"].decode()
    assert "| each cell counts once | cross-validated by cell | split by cell | split by file |" in text
    assert "| scored | 60 images, 30 cells | 16 images, 8 cells | 16 images, 12 cells |" in text
    assert "| monocyte | 0.25 (0.12–0.38) | 0.25 (0.12–0.38) | 0.25 (0.12–0.38) |" in text


def test_given_groups_are_called_by_their_name_throughout(tmp_path):
    """A patient has many cells, so what is counted and kept together must not be called cells."""
    fabricate(tmp_path, FIVE, synthetic=True, untested="basophil", patients=True)
    written = run(tmp_path)
    for name in PAGES:
        text = words_of(written, name)
        assert CELLS_COUNTED.findall(text) == []
        assert "not estimable: 0 patients" in text
    assert "5 cells form 8 groups" in written["README.md"].decode()
    for name in ("composition", "crossval_confusion"):
        assert b"patient" in written[f"figures/{name}.svg"] and b"12 cells" not in written[f"figures/{name}.svg"]


def test_patients_who_share_classes_are_not_called_near_duplicates(tmp_path):
    fabricate(tmp_path, FIVE, patients=True)
    written = run(tmp_path)
    for name in ("index.html", "README.md"):
        text = words_of(written, name)
        assert "100 % are of a patient with other images in training" in text
        assert "has no group of its own" not in text and "a label is wrong, or the classes share" not in text
        assert "3 patients given, for 60 images." in text and "All images of a patient were kept together." in text
        assert not re.search(r"100.% of the test images have a recognized near-duplicate", text)


def test_the_facts_of_the_split_are_in_both_pages(two):
    for page in ("README.md", "index.html"):
        text = words_of(two, page)
        assert "1 set of near-duplicates has more than one label" in text
        assert "basophil (2), eosinophil (1)" in text and "eosinoph0.png" in text
        assert "23 images are identical to another, pixel by pixel, in 11 sets" in text


def test_mistakes_are_shown_once_a_cell(five):
    """Groups of odd number are misclassified, and all equally surely: of both images of a cell, the first by path."""
    page = five["index.html"].decode()
    section = page[page.index("The 4 most confident mistakes, one per cell") :]
    section = section[: section.index("</details>")]
    assert section.count("<img ") == 2 * 4, "each beside its heat map"
    assert re.findall(r"(\w+\.png)</span></li>", section) == [
        *(f"basophil{number}.png" for number in (10, 2, 6)),
        "eosinoph10.png",
    ]


def test_a_single_mistake_is_not_counted(tmp_path):
    fabricate(tmp_path, FIVE[:2])
    (tmp_path / "params.yaml").write_text(PARAMS.replace("mistakes: 4", "mistakes: 1"))
    page = run(tmp_path)["index.html"].decode()
    assert page.count("<summary>The most confident mistake</summary>") == 3 and "The 1 most" not in page


def test_heat_maps_are_made_of_the_mistakes_that_are_shown_and_by_the_heads_that_made_them(tmp_path):
    fabricate(tmp_path, FIVE)
    run(tmp_path)
    # Of the cross-validation four: three basophils (predicted as class 1) and one eosinophil, whose cells are in folds
    # 2, 1, 0 and 2; and four of each test part.
    assert run.asked[:4] == [("fold 2", 1), ("fold 1", 1), ("fold 0", 1), ("fold 2", 2)]
    assert [head for head, _ in run.asked[4:]] == ["grouped"] * 4 + ["image"] * 4


def test_nothing_misclassified_is_said_instead_of_shown(tmp_path):
    fabricate(tmp_path, FIVE[:2], wrong=False)
    written = run(tmp_path)
    assert not any("mistakes" in name for name in written)
    for page, schemes in (("README.md", 1), ("index.html", 3)):
        assert written[page].decode().count("No image was misclassified.") == schemes


def test_no_pictures_wanted_puts_no_picture_of_a_cell_in_the_report(bare):
    assert not any(name.endswith(".png") for name in bare)
    assert b"data:image" not in bare["index.html"]
    text = bare["README.md"].decode()
    assert "`plot.mistakes` is 0" in text and "`plot.near_duplicates` is 0" in text


def test_a_missing_input_is_named_with_the_command_that_makes_it(tmp_path, monkeypatch, capsys):
    fabricate(tmp_path, FIVE[:2])
    (tmp_path / "reports" / "grouped" / "roc.csv").unlink()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        plot.main()
    message = capsys.readouterr().err
    assert "reports/grouped/roc.csv" in message and "dvc repro" in message
    assert not (tmp_path / "reports" / "README.md").exists()


def test_the_true_leak_is_given_where_it_is_known_and_not_elsewhere(bare, two):
    for page in ("README.md", "index.html"):
        known, unknown = words_of(bare, page), words_of(two, page)
        assert "27.0 % of the images cross-validated" in known and "They raise the scores." in known
        assert "can't be counted" in unknown and "True near-duplicates" not in unknown


def test_a_square_of_the_confusion_matrix_has_pictures_of_its_images(five):
    """Of eosinophils, the cells of odd number were predicted as lymphocyte."""
    page = five["index.html"].decode()
    popover = re.search(r"<strong>eosinophil predicted as lymphocyte</strong>.*?</ul>", page, re.DOTALL).group()
    assert "6 images of 3 cells, the most confident first" in popover
    assert re.findall(r"(\w+\.png)</span>", popover) == ["eosinoph10.png", "eosinoph2.png", "eosinoph6.png"]
    assert popover.count("data:image/jpeg;base64,") == 3


def test_the_report_ends_before_deployment(five):
    for page in ("index.html", "README.md"):
        text = words_of(five, page).lower()
        assert not re.search(r"calibrat|prediction sets|abstain|out of distribution", text)
    assert "[model_card.md](model_card.md)" in five["README.md"].decode()


def test_the_data_card_has_sizes_and_what_is_not_known(five, awkward):
    data = five["data_card.md"].decode()
    assert "60 images of 30 cells in 5 classes" in data and "**Not known**: the patients" in data
    assert "<b>" not in awkward["data_card.md"].decode()


def test_doubtful_labels_are_shown_and_none_is_said_to_be_wrong(five):
    page, text = words_of(five, "index.html"), words_of(five, "README.md")
    for said in (page, text):
        assert "contradicts the label of 1 cell" in said and "would be 0.62 instead of 0.50" in said
        assert "either the label or the classifier is wrong. Nothing was changed." in said
        assert "Without the classes of fewer than 5 cells" in said
    assert "basophil 0.12, eosinophil 0.88" in page


def test_labels_that_the_user_changed_are_said(five):
    assert "1 image got another label by fetch.relabel , for example a|<b>1.png, now c/1.png." in words_of(
        five, "index.html"
    ).replace("\\", "")


def test_images_that_trained_the_backbone_are_a_warning(tmp_path):
    fabricate(tmp_path, FIVE[:2])
    file = tmp_path / "reports/crossval/metrics.json"
    metrics = json.loads(file.read_text())
    rest = {"accuracy": 0.7, "balanced_accuracy": 0.65}
    rest["intervals"] = {key: {"low": 0.5, "high": 0.8} for key in rest}
    for found, said in (
        ({"rest": 17} | rest, "On the other 17 images, the balanced accuracy is 0.65 (0.50–0.80)."),
        ({"rest": 0}, "No other image is left to score."),
    ):
        file.write_text(json.dumps(metrics | {"overlap": {"images": 7} | found}))
        written = run(tmp_path)
        first = f"7 of {7 + found['rest']} images also trained the backbone. Scores on them are too high."
        assert all(f"{first} {said}" in words_of(written, name) for name in PAGES)
