"""The model card from typed values: calibration, abstention and the recommended estimate."""

import re

from tests.wbc.plot.test_comparison import metrics
from wbc.plot.model_card import Abstention, Change, Deployed, draw_figures, render_model_card
from wbc.plot.params import ReportParams
from wbc.plot.results import Run

REPORT = ReportParams(title="Skin lesions", unit="lesion", note=None)
DEPLOYED = Deployed(
    temperature=1.5,
    coverage_asked=0.9,
    coverage=0.912,
    set_size=1.25,
    ood=0.01,
    accuracy=0.5,
    answered=0.4,
    accuracy_answered=0.75,
    ece=Change(0.11, 0.04),
    log_loss=Change(0.6, 0.5),
    risk={0.5: 0.004, 1.0: 0.5},
    reliability=[
        {"confidence": 0.45, "accuracy": 0.5, "weight": 0.25},
        {"confidence": 0.9, "accuracy": 1, "weight": 0.75},
    ],
    negatives={"noise": Abstention(10, 0.9, 0.8)},
)


def run(synthetic=False, level="photograph"):
    size = {"units": [8, 4], "parameters": {"total": 5000000}}
    return Run(
        fetch={"classes": {"<b>|a": 3, "c": 3}, "synthetic": synthetic, "description": "drawn", "source": "archive"}
        | {"origin": "a.zip", "sha256": None},
        features={"backbone": "EfficientNetB0", "weights": "blood", "image_size": 128, "tta_views": 8},
        split={"level": level, "searched": True, "own_parts": False, "images": 1200, "groups": 300, "given": None},
        truth={"known": False},
        training={"image": size | {"parameters": {"total": 4000000}}, "crossval": size | {"heads_of_a_fold": 4}},
        metrics={"crossval": metrics(0.8, 0.7, 0.9, ["<b>|a", "c"]) | {"folds": 3}},
    )


def test_the_card_has_the_recommended_estimate_and_when_it_abstains():
    card = render_model_card(run(), DEPLOYED, REPORT).replace("\u00a0", " ")
    assert card.startswith("# Model card: Skin lesions\n")
    assert "the mean of 12 heads of 8 and 4 units" in card and "| 5,000,000 |" in card and "| 4,000,000 |" in card
    assert "| Balanced accuracy | 0.80 (0.70–0.90) |" in card
    assert "| Images answered | 40 % |" in card and "| Accuracy, answered images | 75 % |" in card
    assert "(90 % asked) | 91.2 % |" in card and "(uncalibrated) | 0.040 (0.110) |" in card
    assert "## Images without a lesion" in card and "| noise | 10 | 90 % | 80 % |" in card
    assert "**Not a medical device**" in card and "Calibration does not transfer" in card
    assert r"\<b\>\|a" in card and "<b>" not in card
    assert re.findall(r"\]\((model_card/\w+\.svg)\)", card) == ["model_card/reliability.svg", "model_card/risk.svg"]


def test_tables_keep_their_columns():
    for table in re.findall(r"(?:^\|.*\n)+", render_model_card(run(), DEPLOYED, REPORT), flags=re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1


def test_a_classifier_that_abstains_from_everything_has_no_accuracy():
    card = render_model_card(run(), DEPLOYED._replace(answered=0.0, accuracy_answered=None), REPORT)
    assert "| Accuracy, answered images | – |" in card


def test_drawn_cells_are_named_on_card_and_figures_and_patients_by_their_name():
    found = run(synthetic=True, level="patient")
    card = render_model_card(found, DEPLOYED, REPORT)
    assert "Synthetic cells, drawn by this project" in card and "each patient counts once" in card
    drawn = draw_figures(found, DEPLOYED, REPORT)
    assert list(drawn) == ["reliability", "risk"]
    for figure in drawn.values():
        assert "Synthetic cells" in " ".join(text.get_text() for text in figure.texts)
