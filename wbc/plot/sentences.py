"""What the report says in sentences: at which level a score holds, what copies do to it, and how it is to be read."""

from collections.abc import Sequence
from typing import Any

from wbc.common.wording import plural
from wbc.plot.audit_sentences import ALIKE, filled_sentence

# Of the search for near-duplicates, measured where the truth is known: docs/results/grouping.md.
SEARCH_REACHED = (
    "On sets whose truth is known the search recognized 98 to 100 % of the pairs of copies (docs/results/grouping.md)."
)
SYNTHETIC = "synthetic cells, drawn by this project: these scores say nothing about patients' cells"


def level_sentence(audit: dict[str, Any]) -> str:
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


def copies_in_training(truth: dict[str, Any], audit: dict[str, Any], unit: str) -> str:
    """Return what is known of copies that the search did not recognize, in sentences.

    Args:
        truth, audit: content of truth.json and audit.json.
        unit: see `comparison.unit_of`.
    """
    if not truth["known"]:
        reached = f" {SEARCH_REACHED}" if audit["searched"] else ""
        return (
            "Which images show one cell is not known here, so how many copies were not recognized can't be said: where "
            f"some were not, the score is too high.{reached}"
        )
    leak, search = truth["leak"], truth["photo_id"]
    kept = f"were taken for {truth['groups']:,} groups"
    if unit != "cell":
        kept = f"are kept together as {truth['groups']:,} {unit}s"
    sentence = (
        f"Which cell each of these images shows is known: the search recognized {percent(search['pair_recall'], 1)} of "
        f"the pairs of copies, {percent(search['pair_precision'], 1)} of the pairs that it called copies are "
        "copies, and "
        f"{truth['cells']:,} cells {kept}. Of the images scored here, "
        f"{percent(leak['crossval'], 1)} have a true copy in training; of the test images split by {unit} "
        f"{percent(leak['grouped'], 1)}, and split by file {percent(leak['image'], 1)}."
    )
    return f"{sentence} The score is too high by what those copies add." if leak["crossval"] else sentence


def copies_limit(truth: dict[str, Any], audit: dict[str, Any]) -> str:
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


def crop_warnings(audit: dict[str, Any], features: dict[str, Any]) -> list[str]:
    """Return a warning where the backbone learned from other crops than these, as a list of one or none.

    Args:
        audit, features: content of audit.json and features.json.
    """
    typical, learned = audit["foreground"]["typical"], features["weights_foreground"]
    if learned is None or learned[0] <= typical <= learned[1]:
        return []
    closer = "closer to the cells" if typical < learned[0] else "with more around the cells"
    return [
        f"⚠️ {filled_sentence(audit['foreground'])}, but of the images that the backbone learned from "
        f"{percent(learned[0])} to {percent(learned[1])}: cut the images {closer}, or the features may serve badly"
    ]


def foreground_sentence(filled: dict[str, float], crop: float, zooms: Sequence[float]) -> str:
    """Return how much of an image a cell fills at another laboratory and at home, with advice where that differs.

    Args:
        filled: {"there", "home"}: shares of an image's area, 0-1.
        crop: share of each side of the images that was looked at.
        zooms: at which the images at home were learned from; the first is 1.
    """
    sentence = (
        f"The stained part of a cell covers {percent(filled['there'])} of an image's area here and "
        f"{percent(filled['home'])} at home"
    )
    if not (filled["there"] and filled["home"]):
        return f"{sentence}: in some images no cell was recognized in the middle."
    ratio = (filled["home"] / filled["there"]) ** 0.5
    if 1 / ALIKE < ratio < ALIKE:
        return f"{sentence}."
    size = f"{1 / ratio:.1f} times larger" if ratio < 1 else f"{ratio:.1f} times smaller"
    sentence += f": the cells are shown {size}"
    if any(1 / ALIKE < ratio * zoom < ALIKE for zoom in zooms):
        return f"{sentence}, and the heads have learned from them at that size too (`embed.zooms`)."
    wanted = f"`embed.zooms: [{', '.join(f'{zoom:g}' for zoom in zooms)}, {1 / ratio:.2g}]`"
    if ratio < 1:
        wider = ", or look at more of these images by a larger `crop`" if crop < 1 else ""
        return f"⚠️ {sentence}. Learn from closer views too, {wanted}{wider}."
    return f"⚠️ {sentence}. Set `crop: {crop / ratio:.2g}` for this data set; or learn from wider views too, {wanted}."


def stranger_sentence(strangers: dict[str, Any]) -> str:
    """Return what the classifier for use says of pictures without a white cell, in a sentence.

    >>> stranger_sentence({"white": {"images": 10, "abstained": 1.0, "unlike": 0.9}})
    'Where no white cell is shown it should name none: of 10 pictures each, it abstains from 100 % (white).'

    Args:
        strangers: content of strangers.json.
    """
    each = max(shares_of_kind["images"] for shares_of_kind in strangers.values())
    kinds = [f"{percent(shares_of_kind['abstained'])} ({kind})" for kind, shares_of_kind in strangers.items()]
    shares = ", ".join(kinds)
    return f"Where no white cell is shown it should name none: of {each} pictures each, it abstains from {shares}."


def use_sentences(use: dict[str, Any], unit: str) -> list[str]:
    """Return what the classifier for use promises, from what was measured out of fold, in sentences.

    Args:
        use: content of use.json.
        unit: see `comparison.unit_of`.
    """
    return [
        f"Asked for the likeliest class, it is right for {percent(use['accuracy'])} of the images of new {unit}s. It "
        f"abstains where more than one class is likely or the image is unlike all known ones: it answers "
        f"{percent(use['answered'])} of them"
        + (f", and {percent(use['accuracy_answered'])} of these answers are right." if use["answered"] else "."),
        f"Its prediction sets hold the true class for {percent(use['coverage'], 1)} of the images "
        f"({percent(use['coverage_asked'])} was asked for) and have {use['set_size']:.2f} classes in the mean. "
        f"{percent(use['unlike'], 1)} of the images of known classes are called unlike all known ones.",
        f"Its probabilities are calibrated by a temperature of {use['temperature']:.2f}: the expected calibration "
        f"error is {use['ece']['after']:.3f}, and without it {use['ece']['before']:.3f}.",
        f"All of this was fitted and measured on the images of the cross-validation, each scored by a head that had "
        f"not learned from its {unit}; temperature and thresholds are their own, so the figures are "
        "slightly too good. At another laboratory they don't hold: calibration doesn't transfer.",
    ]


def suspect_sentences(metrics: dict[str, Any], unit: str) -> list[str]:
    """Return what is said of labels that the cross-validation doubts, in sentences.

    Args:
        metrics: the cross-validation's content of metrics.json.
        unit: see `comparison.unit_of`.
    """
    suspects, all_groups = metrics["suspects"], metrics["cells"]["balanced_accuracy"]
    count = suspects["groups"]
    if not count:
        return ["The cross-validation doubts no label."]
    without = (
        f" Without them the balanced accuracy would be {suspects['balanced_accuracy']:.2f} in place of "
        f"{all_groups:.2f}: too good, for that leaves out what the classifier contradicts."
        if "balanced_accuracy" in suspects
        else ""
    )
    return [
        f"The cross-validation doubts the {'label' if count == 1 else 'labels'} of {plural(count, unit)}: heads that "
        "had not seen "
        f"{'it are' if count == 1 else 'them are'} as sure of another class as they are of that class's own {unit}s "
        "(confident learning, Northcutt et al. 2021).",
        f"Whether the label is wrong or the classifier, only a look at the image says; nothing was changed.{without}",
        "All are in `reports/suspects.csv`. What is wrong indeed is put right by `fetch.relabel` or `fetch.exclude` in "
        "params.yaml.",
    ]


def relabelled_sentences(relabelled: dict[str, str]) -> list[str]:
    """Return which images were given another label, as a list of one sentence or none.

    Args:
        relabelled: {path as delivered: path by the user's label}.
    """
    if not relabelled:
        return []
    (old, new), count = next(iter(relabelled.items())), len(relabelled)
    return [
        f"{plural(count, 'image')} {'was' if count == 1 else 'were'} given another label by the user's list "
        f"(`fetch.relabel`), such as {old}, now {new}"
    ]


def common_sentence(metrics: dict[str, Any], unit: str) -> str:
    """Return the balanced accuracy without the classes of few cells, or "" where there is none.

    Args:
        metrics, unit: as for `suspect_sentences`.
    """
    common, least = (metrics["cells"].get(name) for name in ("balanced_accuracy_common", "common_from"))
    if common is None:
        return ""
    return (
        f"Without the classes of fewer than {least} {unit}s, each of which moves the average a lot, the balanced "
        f"accuracy of the cross-validation is {common:.2f}."
    )


def reading(metrics: dict[str, Any], level: str, unit: str) -> list[str]:
    """Return how to read the table of scores, in sentences.

    Args:
        metrics: {protocol: content of its metrics.json}.
        level: of the intervals, such as "95 %".
        unit: see `comparison.unit_of`.
    """
    resamples = f"{metrics['crossval']['intervals']['n_resamples']:,}"
    more, all_of_it = ("copies", "copies") if unit == "cell" else ("more images", "images")
    sentences = [
        f"Scores run from 0 to 1. The {level} intervals come from resampling whole {unit}s, not images, {resamples} "
        f"times: {more} of a {unit} add nothing to what is known of {'it' if unit == 'cell' else f'other {unit}s'}.",
        f"Each {unit} counts once: a {unit} with several images counts as the share of them that was named right. Each "
        f"image counts once: a {unit} with many {all_of_it} weighs as much as all of them.",
        f"Split by file deals the images out to training and test by chance, as the original study did. Split by {unit}"
        f" deals out whole {unit}s with all their {all_of_it}. Cross-validation by {unit} does so once per fold until "
        f"every {unit} has been scored, so that rare classes get an estimate from all their {unit}s.",
    ]
    if _any_wilson(metrics):
        sentences.append(
            f"† Every resample gave a class the same score, as where all its {unit}s were named right. Wilson's "
            f"interval for that many {unit}s stands there, and averages are combined from the classes' intervals."
        )
    return sentences


def percent(share: float | None, digits: int = 0) -> str:
    """Return a share of 0-1 as text: an undefined one (None) as a dash, and none that is not 0 as 0."""
    if share is None:
        return "–"
    least = 10.0**-digits
    return f"less than {least:g} %" if 0 < 100 * share < least / 2 else f"{100 * share:.{digits}f} %"


def _any_wilson(content: Any) -> bool:
    """Return whether any interval in nested dicts is Wilson's."""
    return isinstance(content, dict) and (bool(content.get("wilson")) or any(map(_any_wilson, content.values())))
