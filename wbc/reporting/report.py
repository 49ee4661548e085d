"""What the report says: the numbers, sentences and tables that its Markdown and its HTML page share."""

import base64
import re
from pathlib import Path

import jinja2

from wbc.core.audit_sentences import given_sentences, shared_sentences
from wbc.core.protocols import PARTS
from wbc.reporting import comparison
from wbc.reporting.comparison import estimate, lookup, number
from wbc.reporting.original_study import COMPARABLE, ORIGINAL, same_classes, whose

# Of the search for near-duplicates, measured where the truth is known: docs/results/grouping.md.
SEARCH_REACHED = (
    "On sets whose truth is known the search recognized 98 to 100 % of the pairs of copies (docs/results/grouping.md)."
)
SYNTHETIC = "synthetic cells, drawn by this project: these scores say nothing about patients' cells"

LISTED = 10  # of duplicates and doubtful labels; reports/audit.json holds the rest

# Kind of figure: its title, and how to read it.
FIGURES = {
    "confusion": (
        "Confusion matrix",
        "A row is a true class and a column is what the classifier called it: the diagonal is right, and a dark square "
        "off the diagonal is a pair of classes that it takes for one another.",
    ),
    "history": (
        "Training history",
        "Where the train line goes on rising and the valid line doesn't, the head learns its training images by heart; "
        "the green dots mark the epoch whose weights were kept.",
    ),
    "roc": (
        "ROC curves",
        "Each panel sets one class against all others: the nearer the blue line comes to the top left corner, the "
        "better the class is told apart; on the dashes one would be guessing.",
    ),
    "pr": (
        "Precision-recall curves",
        "As one accepts less certain images, more cells of the class are found (to the right) and more of the finds "
        "are wrong (downwards); the dashes are the share of the class in the scored images: guessing reaches that.",
    ),
    "mistakes": (
        "Most confident mistakes",
        "Wrongly classified images, one a cell and the surest first, each with its true class, → the class it was "
        "given, and the probability that the classifier gave that; sure mistakes are often wrong labels, poor crops or "
        "rare forms.",
    ),
}


def parts(splits, protocols=("image", "grouped")):
    """Count the images of each class in each part, as {class: {protocol: {part: images}}}.

    Args:
        splits: data frame with the columns label and one of train/valid/test a protocol.
    """
    return {
        label: {protocol: {part: int((rows[protocol] == part).sum()) for part in PARTS} for protocol in protocols}
        for label, rows in splits.groupby("label", sort=True)
    }


def wrong(predictions):
    """The wrongly classified rows of predictions.csv, the most confident first, with their `probability`."""
    rows = predictions[predictions["label"] != predictions["predicted"]]
    probability = [row[f"p_{row['predicted']}"] for _, row in rows.iterrows()]
    # Ties are broken by path, so that the order never depends on the order of the file.
    return rows.assign(probability=probability).sort_values(["probability", "path"], ascending=[False, True])


def context(fetch, splits, features, audit, truth, results, shown, min_cells):
    """Everything that the templates say.

    Args:
        fetch, features, audit, truth: content of fetch.json, features.json, audit.json and truth.json.
        splits: data frame of splits.csv.
        results: {protocol: {"metrics": content of metrics.json, "predictions": data frame of predictions.csv, and, but
            for the cross-validation, "training": content of training.json}}.
        shown: how many mistakes a protocol are shown; 0 for none.
        min_cells: a recall of a class is not estimable from fewer scored cells.
    """
    classes = sorted(fetch["classes"])
    metrics = {protocol: result["metrics"] for protocol, result in results.items()}
    counts = parts(splits)
    names, unit = comparison.titles(audit), comparison.unit_of(audit)
    recalls = comparison.recalls(metrics, classes, fetch, min_cells, names)
    level = f"{100 * metrics['crossval']['intervals']['confidence_level']:.4g} %"
    return {
        "label": SYNTHETIC if fetch["synthetic"] else "",
        "fetch": fetch,
        "features": features,
        "audit": audit,
        "listed": LISTED,
        "classes": classes,
        "protocols": names,
        "unit": unit,
        "level_sentence": level_sentence(audit),
        "believe": _believe(results["crossval"], len(classes)),
        "by_file": {
            "score": estimate(metrics["image"], "cells", "balanced_accuracy"),
            "accuracy": estimate(metrics["image"], "accuracy"),
        },
        "copies": copies_in_training(truth, audit),
        "copies_limit": copies_limit(truth, audit),
        "gap": comparison.gap(metrics, audit["leak"], unit),
        "verdicts": comparison.against_baselines(metrics["crossval"], unit),
        "scores": comparison.table(metrics, classes, min_cells, unit),
        "rule": comparison.RULE,
        "level": level,
        "reading": _reading(metrics, level),
        "few": comparison.too_few(metrics, classes, min_cells),
        "few_reason": f"Fewer than {min_cells} cells of the class were scored, too few for a recall: a single cell "
        f"named otherwise would move it by {1 / (min_cells - 1):.2f} or more. The averages over the classes do include "
        "them, for what they are worth.",
        "parts": counts,
        "totals": {name: [int((splits[name] == part).sum()) for part in PARTS] for name in ("image", "grouped")},
        "statements": [*audit["missing"], *audit["uneven"]],
        "notes": [*given_sentences(audit["given"]), *shared_sentences(audit["without_own_group"])],
        "original": ORIGINAL["per_class"],
        "original_images": sum(row["support"] for row in ORIGINAL["per_class"].values()),
        "is_original": same_classes(classes),
        "comparable": COMPARABLE[whose(fetch)],
        "figures": FIGURES,
        "shown": shown,
        "trained": {protocol: result["training"] for protocol, result in results.items() if "training" in result},
        "results": {protocol: _result(result, classes, shown, min_cells) for protocol, result in results.items()},
        "recalls": recalls,
        "recalls_alt": "Recall of each class: "
        + "; ".join(
            f"{name}: " + ", ".join(f"{label} {found}" for label, found in series.items())
            for name, series in recalls.items()
        ),
        "composition_alt": ", ".join(
            f"{name}: {found['images']:,} images of {found['groups']:,} cells"
            for name, found in audit["classes"].items()
        ),
    }


def level_sentence(audit):
    """Return at which level the scores hold: what was kept together, and so what they say of.

    Args:
        audit: content of audit.json.
    """
    level = audit["level"]
    search = "near-duplicates recognized in the pixels" if audit["searched"] else "identical files only"
    if level == "photograph":
        return (
            f"The scores hold at the level of the photograph: kept together were {search}. Who photographed which "
            "cell, "
            "and of which patient, was not given (`split.groups`), so two cells of one patient may stand on both sides."
        )
    kinds = " and ".join(f"{kind}s" for kind in audit["given"]["kinds"])
    return (
        f"The scores hold at the level of the {level}: kept together were the {kinds} that were given, and "
        f"{search}. They "
        f"say how well images of a new {level} are named."
    )


def copies_in_training(truth, audit):
    """Return what is known of copies that the search did not recognize, in sentences.

    Args:
        truth, audit: content of truth.json and audit.json.
    """
    if not truth["known"]:
        reached = f" {SEARCH_REACHED}" if audit["searched"] else ""
        return (
            "Which images show one cell is not known here, so how many copies were not recognized can't be said: where "
            f"some were not, the score is too high.{reached}"
        )
    leak, search = truth["leak"], truth["photo_id"]
    sentence = (
        f"Which cell each of these images shows is known: the search recognized {percent(search['pair_recall'], 1)} of "
        f"the pairs of copies, {percent(search['pair_precision'], 1)} of the pairs that it called copies are "
        "copies, and "
        f"{truth['cells']:,} cells were taken for {truth['groups']:,} groups. Of the images scored here, "
        f"{percent(leak['crossval'], 1)} have a true copy in training; of the test images split by cell "
        f"{percent(leak['grouped'], 1)}, and split by file {percent(leak['image'], 1)}."
    )
    return f"{sentence} The score is too high by what those copies add." if leak["crossval"] else sentence


def copies_limit(truth, audit):
    """Return what unrecognized copies do to the scores by group, as the report's limits say it.

    Args:
        truth, audit: content of truth.json and audit.json.
    """
    if truth["known"] and not truth["leak"]["crossval"] and not truth["leak"]["grouped"]:
        first = "No scored image has a copy of its cell in training: which image shows which cell is known here."
    elif truth["known"]:
        first = "Some scored images have a copy of their cell in training, as said at the top; they raise the scores."
    elif audit["searched"]:
        first = (
            "Which images show one cell was found by comparing images: copies that were not recognized raise the "
            "scores "
            "too. Where nearly all images of a class have copies, a group far smaller than usual is rather a part of "
            "another; such groups are kept in the validation part, as far as that has room."
        )
    else:
        first = "Copies were not searched for (`split.search` is false): those that were not given raise the scores."
    given = set(audit["given"]["kinds"] if audit["given"] else ())
    apart = [kind for kind in ("patient", "slide") if kind not in given]
    return f"{first} Cells of one {' or '.join(apart)} are not told apart." if apart else first


def render(template, folder, **content):
    """Fill a template of `wbc/reporting/templates`.

    Args:
        template: report.md.j2, or report.html.j2, in which every value is escaped and the figures are inlined.
        folder: the folder of the figures; those that aren't there are left out.
        content: what `context` returned.

    Returns:
        The page as text that ends in a newline.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=lambda name: name.endswith(".html.j2"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "percent": percent, "md": escape_markdown}
    environment.globals |= {
        "has_figure": lambda name: (folder / name).exists(),
        "inline": lambda name: _data_uri(folder / name),
    }
    page = environment.get_template(template).render(**content)
    page = re.sub(r" +\n", "\n", page)
    return re.sub(r"\n{3,}", "\n\n", page).strip() + "\n"


def percent(share, digits=0):
    """Return a share of 0-1 as text: an undefined one (None) as a dash, and none that is not 0 as 0."""
    if share is None:
        return "–"
    least = 10.0**-digits
    return f"less than {least:g} %" if 0 < 100 * share < least / 2 else f"{100 * share:.{digits}f} %"


def escape_markdown(text):
    """Return `text` so that GitHub's Markdown shows it as it is, in a table too."""
    return re.sub(r"([\\`*_\[\]<>|~$&#])", r"\\\1", " ".join(str(text).split()))


def _believe(result, classes):
    """The first screen: what was scored, and the number to believe."""
    metrics, predictions = result["metrics"], result["predictions"]
    baseline = metrics["baseline"]
    return {
        "score": estimate(metrics, "cells", "balanced_accuracy"),
        "accuracy": estimate(metrics, "cells", "accuracy"),
        "cells": predictions["group"].nunique(),
        "classes": classes,
        "folds": metrics["folds"],
        "bars": [
            ("this classifier", metrics["cells"]["balanced_accuracy"]),
            ("logistic regression", baseline["logistic_regression"]["cells"]["balanced_accuracy"]),
            ("color histogram", baseline["color_histogram"]["cells"]["balanced_accuracy"]),
            ("commonest class", baseline["majority"]["cells"]["balanced_accuracy"]),
        ],
    }


def _reading(metrics, level):
    """How to read the table of scores, in sentences."""
    sentences = [
        f"Scores run from 0 to 1. The {level} intervals come from resampling whole cells, not images, "
        f"{metrics['crossval']['intervals']['n_resamples']:,} times: copies of a cell add nothing to what is known of "
        "it.",
        "Each cell counts once: a cell with several images counts as the share of them that was named right. Each "
        "image counts once: a cell with many copies weighs as much as all of them.",
        "Split by file deals the images out to training and test by chance, as the original study did. Split by cell "
        "deals out whole cells with all their copies. Cross-validation by cell does so once a fold until every cell "
        "has been scored, so that rare classes get an estimate from all their cells.",
    ]
    if _any_wilson(metrics):
        sentences.append(
            "† Every resample gave a class the same score, as where all its cells were named right. Wilson's interval "
            "for that many cells stands there, and averages are combined from the classes' intervals."
        )
    return sentences


def _result(result, classes, shown, min_cells):
    """What the report says about one protocol."""
    predictions, metrics = result["predictions"], result["metrics"]
    mistakes = wrong(predictions)
    each_cell = mistakes.drop_duplicates("group")
    total, right = len(predictions), len(predictions) - len(mistakes)
    pairs = mistakes.groupby(["label", "predicted"]).size().sort_values(ascending=False, kind="stable")
    worst = "".join(f"; most often wrong: {true} called {called} ({n})" for (true, called), n in pairs.head(1).items())
    areas = ", ".join(f"{name} {number(lookup(metrics, 'per_class', name, 'auc'))}" for name in classes)
    training = result.get("training")
    columns = ("precision", "recall", "specificity", "f1", "auc")
    per_class = {
        name: {
            **{key: estimate(metrics, "per_class", name, key, min_cells=min_cells) for key in columns},
            "images": lookup(metrics, "per_class", name, "support") or 0,
            "cells": comparison.cells(metrics, name),
        }
        for name in classes
    }
    return {
        "total": total,
        "cells": predictions["group"].nunique(),
        "per_class": per_class,
        "mistakes": each_cell.head(shown).to_dict("records"),
        "wrong": len(mistakes),
        "undefined": any(row[key].text == "–" for row in per_class.values() for key in columns),
        "alt": {
            "confusion": f"{right} of {total} images are on the diagonal{worst}.",
            "history": training
            and f"Accuracy and loss over {training['epochs']} epochs; "
            f"the weights of epoch {training['best_epoch']} were kept.",
            "roc": f"Area under the curve of each class: {areas}.",
            "pr": f"One precision-recall curve a class: {', '.join(classes)}.",
            "mistakes": f"Thumbnails of {min(shown, len(each_cell))} of {len(each_cell)} cells of which an image was "
            "classified wrongly.",
        },
    }


def _any_wilson(content):
    """Whether any interval in nested dicts is Wilson's."""
    return isinstance(content, dict) and (bool(content.get("wilson")) or any(map(_any_wilson, content.values())))


def _data_uri(path):
    """Return the content of an SVG or PNG file as a data: address, so that a page needs no second file."""
    kind = {".svg": "image/svg+xml", ".png": "image/png"}[path.suffix]
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
