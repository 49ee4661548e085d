"""The plot stage on fabricated inputs: what the pages say, that they stand alone, and come out the same twice."""

import itertools
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stages import plot
from stages.lib.report import SYNTHETIC

FIVE = ["basophil", "eosinophil", "lymphocyte", "monocyte", "neutrophil"]
AWKWARD = ["<b>young</b> | `$a$` & *more*", "плазматическая клетка крови", "嗜酸性粒细胞", "NA", "1", "x" * 70]
PARAMS = "plot:\n  colormap: Blues\n  mistakes: 4\n"


def fabricate(root, classes, synthetic=False, wrong=True, untested=None):
    """Write every input of the stage under `root`: 6 images a class, of which 2 are test images under both protocols.

    With `wrong`, one test image a class is called the next class. The class `untested` has no test image.
    """
    paths = [(f"{label[:8].strip('/')}{index}.png", label) for label in classes for index in range(6)]
    splits = pd.DataFrame(paths, columns=["path", "label"])
    splits["group"] = np.arange(len(splits))
    parts = ["train", "train", "train", "valid", "test", "test"] * len(classes)
    splits["image"] = ["train" if label == untested else part for (_, label), part in zip(paths, parts, strict=True)]
    splits["grouped"] = splits["image"]
    test = splits[splits["image"] == "test"].reset_index(drop=True)
    wrongly = test.index % 2 == 1 if wrong else np.zeros(len(test), bool)
    predictions = test[["path", "label"]].copy()
    predictions["predicted"] = [
        classes[(classes.index(label) + is_wrong) % len(classes)]
        for label, is_wrong in zip(test["label"], wrongly, strict=True)
    ]
    for name in classes:
        predictions[f"p_{name}"] = np.where(predictions["predicted"] == name, 0.9, 0.02)
    scores = {"precision": 0.5, "recall": 0.25, "specificity": 0.75, "f1": 0.3333, "auc": 0.8, "support": 2}
    per_class = {name: dict(scores) for name in classes if name != untested}
    if untested:
        per_class[untested] = {"specificity": 1.0, "support": 0}
    baseline = {"accuracy": 0.2, "balanced_accuracy": 0.2}
    metrics = {
        "synthetic": int(synthetic),
        "accuracy": 0.5,
        "balanced_accuracy": 0.5,
        "macro": {"precision": 0.5, "recall": 0.5, "f1": 0.5, "auc": 0.8},
        "weighted": {"precision": 0.5, "recall": 0.5, "f1": 0.5},
        "per_class": per_class,
        "baseline": {"majority": baseline, "colour_histogram": baseline},
        "images": {"train": 3, "valid": 1, "test": 2},
    }
    curve = [(name, x, y) for name in classes if name != untested for x, y in ((0, 1), (0.5, 1), (1, 0.5))]
    history = {"epoch": [1, 2], "loss": [1, 0.5], "accuracy": [0.5, 0.6], "learning_rate": [0.1, 0.01]}
    fetch = {
        "source": "synthetic" if synthetic else "kaggle",
        "synthetic": synthetic,
        "description": "images made up for a test",
        "origin": "brikwerk/bccd-white-blood-cell version 1",
        "sha256": None,
        "images": len(splits),
        "classes": dict.fromkeys(classes, 6),
        "converted": {"greyscale to RGB": {"count": 3, "examples": ["a.png"]}},
        "quarantined": [{"path": "x|<i>.jpg", "reason": "the file is empty"}],
        "ignored": [],
        "merged": {classes[0]: ["one|<u>", "two"]},
    }
    features = {"backbone": "EfficientNetB0", "weights": "imagenet", "image_size": 32, "views": 4}
    training = {"epochs": 2, "best_epoch": 1, "parameters": {"total": 4000000, "trainable": 1000}}
    for protocol in ("image", "grouped"):
        folder = root / "reports" / protocol
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text(json.dumps(metrics))
        (folder / "training.json").write_text(json.dumps(training))
        predictions.to_csv(folder / "predictions.csv", index=False)
        pd.DataFrame(curve, columns=["class", "fpr", "tpr"]).to_csv(folder / "roc.csv", index=False)
        pd.DataFrame(curve, columns=["class", "recall", "precision"]).to_csv(folder / "pr.csv", index=False)
        pd.DataFrame(history).to_csv(folder / "history.csv", index=False)
    (root / "data" / "features").mkdir(parents=True)
    (root / "data" / "raw").mkdir()
    (root / "data" / "fetch.json").write_text(json.dumps(fetch))
    (root / "data" / "features" / "features.json").write_text(json.dumps(features))
    splits.to_csv(root / "data" / "splits.csv", index=False)
    for path in test["path"]:
        Path(root / "data" / "raw" / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 20), "purple").save(root / "data" / "raw" / path)
    (root / "params.yaml").write_text(PARAMS)


def run(root):
    """Run the stage in `root`; return {path below reports/: bytes} of what it wrote."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        plot.main()
    pages = [root / "reports" / "README.md", root / "reports" / "index.html"]
    written = [*pages, *(root / "reports" / "figures").iterdir()]
    return {path.relative_to(root / "reports").as_posix(): path.read_bytes() for path in written}


@pytest.fixture(scope="module")
def five(tmp_path_factory):
    """Output for the five classes of the original study, of which one has no test image."""
    root = tmp_path_factory.mktemp("five")
    fabricate(root, FIVE, untested="basophil")
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
        if tag not in ("meta", "img"):
            self.open.append(tag)
        if tag == "caption":
            self.captions.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "caption" in self.open:
            self.captions[-1] += data


def test_same_inputs_give_the_same_bytes_wherever_they_are(five, tmp_path):
    fabricate(tmp_path, FIVE, untested="basophil")
    assert run(tmp_path) == five
    kinds = ("confusion.svg", "history.svg", "roc.svg", "pr.svg", "mistakes.png")
    names = {f"figures/{protocol}_{kind}" for protocol in ("image", "grouped") for kind in kinds}
    assert set(five) == names | {"figures/recall.svg", "README.md", "index.html"}
    assert "Software" not in Image.open(tmp_path / "reports/figures/image_mistakes.png").info


def test_synthetic_label_stands_wherever_results_do(tmp_path):
    fabricate(tmp_path, FIVE[:2], synthetic=True)
    written = run(tmp_path)
    drawings = [content.decode() for name, content in written.items() if name.endswith(".svg")]
    assert drawings and all(SYNTHETIC in drawing for drawing in drawings)
    captions = Page(written["index.html"].decode()).captions
    assert captions and all(SYNTHETIC.lower() in caption.lower() for caption in captions)
    blocks = written["README.md"].decode().split("\n\n")
    above = [before for before, block in itertools.pairwise(blocks) if block.startswith("| ")]
    assert len(above) == 5 and all(SYNTHETIC.capitalize() in text for text in above)


def test_real_images_carry_no_synthetic_label(tmp_path, monkeypatch):
    fabricate(tmp_path, FIVE[:2])
    assert not any(SYNTHETIC[:15].lower().encode() in content.lower() for content in run(tmp_path).values())


def test_html_stands_alone_and_names_are_escaped(awkward):
    text = awkward["index.html"].decode()
    page = Page(text)
    assert ("html", {"lang": "en"}) in page.tags
    images = [attrs for tag, attrs in page.tags if tag == "img"]
    assert len(images) == 11
    assert all(image["src"].startswith("data:image/") and len(image["alt"]) > 20 for image in images)
    assert not any(tag in ("script", "link", "iframe") for tag, _ in page.tags)
    assert not re.search(r"""(url\(|@import|src=["']?http)""", text)
    assert "<b>young" not in text and "<u>" not in text and "x|<i>" not in text and "&lt;b&gt;young" in text


def test_markdown_tables_keep_their_columns(awkward):
    text = awkward["README.md"].decode()
    for table in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1
    assert "<b>" not in text.replace(r"\<b\>", "")
    assert r"x\|\<i\>.jpg: the file is empty" in text
    assert r"put together from the folders one\|\<u\>, two." in text


def test_undefined_scores_are_dashes_with_a_note(five):
    text = five["README.md"].decode()
    assert "| basophil | – | – | 1.00 | – | – | 0 | 1.00 | 1.00 | 1.00 |" in text
    assert "– means: not defined" in text and "– means: not defined" in five["index.html"].decode()
    assert "no image of class basophil is in the test part" in text


def test_nothing_wrong_is_said_instead_of_shown(tmp_path):
    fabricate(tmp_path, FIVE[:2], wrong=False)
    written = run(tmp_path)
    assert not any("mistakes" in name for name in written)
    for page in ("README.md", "index.html"):
        assert written[page].decode().count("o test image was classified wrongly") == 2


def test_no_mistakes_wanted_puts_no_picture_of_a_cell_in_the_report(tmp_path):
    fabricate(tmp_path, FIVE[:2])
    (tmp_path / "params.yaml").write_text(PARAMS.replace("mistakes: 4", "mistakes: 0"))
    written = run(tmp_path)
    assert not any(name.endswith(".png") for name in written)
    assert "`plot.mistakes` is 0" in written["README.md"].decode()


def test_a_missing_input_is_named_with_what_to_type(tmp_path, monkeypatch, capsys):
    fabricate(tmp_path, FIVE[:2])
    (tmp_path / "reports" / "grouped" / "roc.csv").unlink()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        plot.main()
    message = capsys.readouterr().err
    assert "reports/grouped/roc.csv" in message and "dvc repro" in message
    assert not (tmp_path / "reports" / "README.md").exists()
