"""What the report says: the numbers, sentences and tables that its Markdown and its HTML page share."""

import base64
import re
from pathlib import Path

import jinja2

SYNTHETIC = "synthetic cells, drawn by this project: these scores say nothing about patients' cells"

PROTOCOLS = {"image": "split by file", "grouped": "split by group"}

# The table that the original study published, in the shape of metrics.json: random split by file, 106 test images a
# class. It has no AUC and no specificity; its balanced accuracy is its macro recall.
ORIGINAL = {
    "accuracy": 0.92,
    "balanced_accuracy": 0.92,
    "macro": {"precision": 0.94, "recall": 0.92, "f1": 0.92},
    "weighted": {"precision": 0.94, "recall": 0.92, "f1": 0.92},
    "per_class": {
        "basophil": {"precision": 1.00, "recall": 1.00, "f1": 1.00, "support": 106},
        "eosinophil": {"precision": 0.97, "recall": 0.68, "f1": 0.80, "support": 106},
        "lymphocyte": {"precision": 0.99, "recall": 0.99, "f1": 0.99, "support": 106},
        "monocyte": {"precision": 0.96, "recall": 0.99, "f1": 0.98, "support": 106},
        "neutrophil": {"precision": 0.76, "recall": 0.96, "f1": 0.85, "support": 106},
    },
}

DATASET = "brikwerk/bccd-white-blood-cell"  # the original study's, on Kaggle
# How far the original study's numbers can be compared, by whose images these are.
COMPARABLE = {
    "same": "These are the images of the original study. It split them by file, so compare its numbers with those of "
    "the protocol image; which files stood in its test part is not known.",
    "synthetic": "The original study scored photographs of real cells, and the images here are drawn: its numbers are "
    "about other data and stand here for orientation only.",
    "unknown": "Whether these are the images of the original study is not known to this pipeline: take its numbers to "
    "be about other data.",
}

HEADLINE = [
    ("Accuracy", ("accuracy",)),
    ("Balanced accuracy", ("balanced_accuracy",)),
    ("Macro precision", ("macro", "precision")),
    ("Macro recall", ("macro", "recall")),
    ("Macro F1", ("macro", "f1")),
    ("Macro AUC", ("macro", "auc")),
    ("Weighted precision", ("weighted", "precision")),
    ("Weighted recall", ("weighted", "recall")),
    ("Weighted F1", ("weighted", "f1")),
    ("Commonest class, accuracy", ("baseline", "majority", "accuracy")),
    ("Commonest class, balanced accuracy", ("baseline", "majority", "balanced_accuracy")),
    ("Colour histogram, accuracy", ("baseline", "colour_histogram", "accuracy")),
    ("Colour histogram, balanced accuracy", ("baseline", "colour_histogram", "balanced_accuracy")),
]

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
        "are wrong (downwards); the dashes are the share of the class in the test images, which guessing would reach.",
    ),
    "mistakes": (
        "Most confident mistakes",
        "Wrongly classified test images, the surest first, each with its true class, → the class it was given, and the "
        "probability that the classifier gave that; sure mistakes are often wrong labels, poor crops or rare forms.",
    ),
}


def recalls(results, classes, fetch):
    """Recall of each class and, last, their mean, by series, for the figure that compares the protocols.

    Args:
        results: {protocol: its metrics.json}.
        classes: class names in the order wanted.
        fetch: content of fetch.json.

    Returns:
        {series: {class: recall or None}}; the original study is a series where all its classes are here.
    """
    series = {f"{name} ({PROTOCOLS[name]})": metrics for name, metrics in results.items()}
    if _is_original(classes):
        series["original study" if _whose(fetch) == "same" else "original study (other data)"] = ORIGINAL
    return {
        name: {
            **{label: lookup(metrics, "per_class", label, "recall") for label in classes},
            "mean (balanced accuracy)": lookup(metrics, "balanced_accuracy"),
        }
        for name, metrics in series.items()
    }


def parts(splits, protocols=tuple(PROTOCOLS)):
    """Count the images of each class in each part.

    Args:
        splits: data frame with the columns label and one of train/valid/test a protocol.

    Returns:
        (counts, warnings): {class: {protocol: [train, valid, test]}}, and one sentence for each part without images,
        and for each class without images in a part that has some.
    """
    names = ("train", "valid", "test")
    effects = (
        "it can't be learnt",
        "the choice of the epoch that is kept doesn't see it",
        "its recall can't be measured",
    )
    empty = {(protocol, part) for protocol in protocols for part in names if not (splits[protocol] == part).any()}
    counts = {}
    warnings = [f"Protocol {protocol}: there are no {part} images." for protocol, part in sorted(empty)]
    for label, rows in splits.groupby("label", sort=True):
        counts[label] = {}
        for protocol in protocols:
            found = rows[protocol].value_counts()
            counts[label][protocol] = [int(found.get(part, 0)) for part in names]
            for part, effect in zip(names, effects, strict=True):
                if part not in found and (protocol, part) not in empty:
                    warnings.append(
                        f"Protocol {protocol}: no image of class {label} is in the {part} part, so {effect}."
                    )
    return counts, warnings


def wrong(predictions):
    """The wrongly classified rows of predictions.csv, the most confident first, with their `probability`."""
    rows = predictions[predictions["label"] != predictions["predicted"]]
    probability = [row[f"p_{row['predicted']}"] for _, row in rows.iterrows()]
    # Ties are broken by path, so that the order never depends on the order of the file.
    return rows.assign(probability=probability).sort_values(["probability", "path"], ascending=[False, True])


def context(fetch, splits, features, results, shown):
    """Everything that the templates say.

    Args:
        fetch, features: content of fetch.json and features.json.
        splits: data frame of splits.csv.
        results: {protocol: {"metrics": content of metrics.json, "training": content of training.json,
            "predictions": data frame of predictions.csv}}.
        shown: how many mistakes a protocol are shown; 0 for none.
    """
    classes = sorted(fetch["classes"])
    metrics = {protocol: result["metrics"] for protocol, result in results.items()}
    counts, warnings = parts(splits)
    sizes = splits.groupby("group").size()
    return {
        "label": SYNTHETIC if fetch["synthetic"] else "",
        "fetch": fetch,
        "features": features,
        "classes": classes,
        "protocols": PROTOCOLS,
        "groups": {
            "number": len(sizes),
            "shared": int((sizes > 1).sum()),
            "divided": {name: int((splits.groupby("group")[name].nunique() > 1).sum()) for name in PROTOCOLS},
        },
        "parts": counts,
        "totals": {name: [sum(c[name][i] for c in counts.values()) for i in range(3)] for name in PROTOCOLS},
        "warnings": warnings,
        "headline": _headline(metrics, classes),
        "original": ORIGINAL["per_class"],
        "is_original": _is_original(classes),
        "comparable": COMPARABLE[_whose(fetch)],
        "figures": FIGURES,
        "shown": shown,
        "results": {protocol: _result(result, classes, shown) for protocol, result in results.items()},
        "recalls_alt": "Recall of each class: "
        + "; ".join(
            f"{name}: " + ", ".join(f"{label} {number(value)}" for label, value in series.items())
            for name, series in recalls(metrics, classes, fetch).items()
        ),
    }


def render(template, folder, **content):
    """Fill a template of `stages/lib/templates`.

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
    environment.filters |= {"number": number, "gap": gap, "md": escape_markdown}
    environment.globals |= {
        "has_figure": lambda name: (folder / name).exists(),
        "inline": lambda name: _data_uri(folder / name),
        "lookup": lookup,
    }
    page = environment.get_template(template).render(**content)
    page = re.sub(r" +\n", "\n", page)
    return re.sub(r"\n{3,}", "\n\n", page).strip() + "\n"


def number(value, digits=2):
    """Return a score as text, and an undefined one (None) as a dash."""
    return "–" if value is None else f"{value:.{digits}f}"


def gap(value):
    """Return the difference of two scores as text with its sign, and an undefined one (None) as a dash."""
    return "–" if value is None else f"{value:+.2f}".replace("-", "−") if round(value, 2) else "0.00"


def escape_markdown(text):
    """Return `text` so that GitHub's Markdown shows it as it is, in a table too."""
    return re.sub(r"([\\`*_\[\]<>|~$&#])", r"\\\1", " ".join(str(text).split()))


def lookup(content, *keys):
    """Return the value that `keys` lead to in nested dicts, or None where there is none."""
    for key in keys:
        if key not in content:
            return None
        content = content[key]
    return content


def _whose(fetch):
    """Whose images these are, as a key of `COMPARABLE`."""
    if fetch["synthetic"]:
        return "synthetic"
    return "same" if fetch["source"] == "kaggle" and DATASET in fetch["origin"] else "unknown"


def _is_original(classes):
    """Whether these are exactly the classes of the original study."""
    return set(classes) == set(ORIGINAL["per_class"])


def _headline(metrics, classes):
    """Rows of the headline table: (name, {protocol: score}, image - grouped or None, the original study's score)."""
    rows = []
    for name, keys in HEADLINE:
        scores = {protocol: lookup(content, *keys) for protocol, content in metrics.items()}
        gap = None if None in scores.values() else scores["image"] - scores["grouped"]
        rows.append((name, scores, gap, lookup(ORIGINAL, *keys) if _is_original(classes) else None))
    return rows


def _result(result, classes, shown):
    """What the report says about one protocol."""
    predictions, metrics = result["predictions"], result["metrics"]
    mistakes = wrong(predictions)
    total, right = len(predictions), len(predictions) - len(mistakes)
    pairs = mistakes.groupby(["label", "predicted"]).size().sort_values(ascending=False, kind="stable")
    worst = "".join(f"; most often wrong: {true} called {called} ({n})" for (true, called), n in pairs.head(1).items())
    areas = ", ".join(f"{name} {number(lookup(metrics, 'per_class', name, 'auc'))}" for name in classes)
    baselines = metrics["baseline"]
    return {
        "metrics": metrics,
        "training": result["training"],
        "right": right,
        "total": total,
        "beaten": metrics["accuracy"] > max(baseline["accuracy"] for baseline in baselines.values()),
        "bars": [
            ("this classifier", metrics["accuracy"]),
            ("colour histogram", baselines["colour_histogram"]["accuracy"]),
            ("commonest class", baselines["majority"]["accuracy"]),
        ],
        "mistakes": mistakes.head(shown).to_dict("records"),
        "wrong": len(mistakes),
        "undefined": any(
            lookup(metrics, "per_class", name, key) is None
            for name in classes
            for key in ("precision", "recall", "specificity", "f1", "auc")
        ),
        "alt": {
            "confusion": f"{right} of {total} test images are on the diagonal{worst}.",
            "history": f"Accuracy and loss over {result['training']['epochs']} epochs; "
            f"the weights of epoch {result['training']['best_epoch']} were kept.",
            "roc": f"Area under the curve of each class: {areas}.",
            "pr": f"One precision-recall curve a class: {', '.join(classes)}.",
            "mistakes": f"Thumbnails of {min(shown, len(mistakes))} of {len(mistakes)} wrongly classified test images.",
        },
    }


def _data_uri(path):
    """Return the content of an SVG or PNG file as a data: address, so that a page needs no second file."""
    kind = {".svg": "image/svg+xml", ".png": "image/png"}[path.suffix]
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
