"""Facts about a data set and its splits: near-duplicates, shared groups, doubtful labels, classes without images.

Near-duplicates are found in the pixels. Groups such as patients are given by the user, and have images of several
classes. The two are counted separately: only a near-duplicate under another label makes a label doubtful.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from wbc.split.schemes import CROSSVAL, HOLDOUTS, PARTS

SHOWN = 10  # groups, or sets of duplicates, that are listed
EXAMPLES = 8  # paths listed of each
NEAR = 0.05  # of a class's images; a part that is this close to its requested share is not reported as uneven


def audit(
    splits: pd.DataFrame,
    pixels: np.ndarray,
    shares: tuple[float, float],
    recognized: np.ndarray,
    excluded: Sequence[set[int]],
    too_doubtful: Sequence[str],
    given: dict[str, Any] | None = None,
    given_groups: np.ndarray | None = None,
) -> dict[str, Any]:
    """Return the facts about the images and their splits, as nested dicts for JSON.

    A group whose images have several labels counts as a group of each of these classes.

    Args:
        splits: data frame of splits.csv, one row per image: path, label, photo_id, group, image, grouped (train, valid
            or test) and fold.
        pixels: int array, one per image, equal where the decoded pixels are identical.
        shares: requested (train, valid) shares of each class's images, 0-1; the rest is test.
        recognized: int array, equal for images that show or probably show one cell, by the search.
        excluded, too_doubtful: result of `folds.exclude`.
        given: result of `given.statements`; None without given groups.
        given_groups: int array, equal for images that the user put into one group; None without given groups.

    Returns:
        {"images", "groups": numbers of them, "level": the widest given kind of group, or "photograph" without given
            groups,
         "given": as the argument,
         "excluded": {"images": excluded for some fold, "too_doubtful": [label], see `folds.exclude`},
         "classes": {label: {"images", "groups", "largest_group"}},
         "exact_duplicates": {"images": images with an identical other, "sets", "examples": [[path]]},
         "largest_groups": [{"photo_id", "label", "images", "examples": [path]}], of two images or more: the largest
            of each class, then the next ones, each by size,
         "two_labels": [{"photo_id", "labels": {label: images}, "paths": [path]}],
         "same_cell": [{"photo_ids": [photo_id], "labels": {label: images}, "examples": [path]}], sets of photographs
            that seem to show one cell, one path of each photograph,
         "without_own_group": [{"label", "images", "counted_as": {label: images of the groups}, "examples": [path]}],
            classes whose images are all among near-duplicates that are mostly of another class,
         "leak": {scheme: share of the test images with a recognized near-duplicate in train, or None without test
            images},
         "shared_groups": {scheme: share of the test images whose given group also has images in train, or None
            without test images or given groups},
         "sources": {scheme: {part: {label: groups}}},
         "missing": [{"scheme", "label", "part", "groups"}], classes without an image in a part; for
            scheme "crossval" and part "train", classes whose images are all in one fold,
         "uneven": [{"scheme", "label", "asked", "found"}], classes whose images could not be divided in
            the requested shares}.
    """
    photographs = splits.groupby("photo_id", sort=True)
    return {
        "images": len(splits),
        "groups": splits["group"].nunique(),
        "level": given["level"] if given else "photograph",
        "given": given,
        "excluded": {"images": sum(map(bool, excluded)), "too_doubtful": too_doubtful},
        "classes": {
            label: {
                "images": len(rows),
                "groups": rows["group"].nunique(),
                "largest_group": int(rows["group"].value_counts().max()),
            }
            for label, rows in splits.groupby("label", sort=True)
        },
        "exact_duplicates": _duplicates(splits["path"], pixels),
        "largest_groups": _largest(photographs),
        "two_labels": [
            {"photo_id": int(group), "labels": _counts(rows["label"]), "paths": rows["path"].tolist()}
            for group, rows in photographs
            if rows["label"].nunique() > 1
        ],
        "same_cell": _same_cell(splits, recognized),
        "without_own_group": _without_own_group(splits, recognized),
        "leak": {scheme: _shared(splits[scheme], recognized) for scheme in HOLDOUTS},
        "shared_groups": {
            scheme: None if given_groups is None else _shared(splits[scheme], given_groups) for scheme in HOLDOUTS
        },
        "sources": {scheme: _sources(splits, scheme) for scheme in HOLDOUTS},
        "missing": [*_missing(splits), *_in_one_fold(splits)],
        "uneven": _uneven(splits, [*shares, 1 - sum(shares)]),
    }


def _duplicates(paths: pd.Series, pixels: np.ndarray) -> dict[str, Any]:
    sets = [rows.tolist() for _, rows in paths.groupby(pixels) if len(rows) > 1]
    return {
        "images": sum(map(len, sets)),
        "sets": len(sets),
        "examples": [paths[:EXAMPLES] for paths in sorted(sets, key=len, reverse=True)[:SHOWN]],
    }


def _largest(groups: Iterable[tuple[int, pd.DataFrame]]) -> list[dict[str, Any]]:
    """Return photographs with several images: the largest of each class, then the next ones, each by size."""
    shared = sorted(((group, rows) for group, rows in groups if len(rows) > 1), key=lambda entry: -len(entry[1]))
    label_of = {group: next(iter(_counts(rows["label"]))) for group, rows in shared}
    first: dict[str, int] = {}
    for group, _ in shared:
        first.setdefault(label_of[group], group)
    chosen = [*first.values(), *(group for group, _ in shared if group not in first.values())][:SHOWN]
    return [
        {
            "photo_id": int(group),
            "label": label_of[group],
            "images": len(rows),
            "examples": rows["path"].tolist()[:EXAMPLES],
        }
        for group, rows in sorted(shared, key=lambda entry: entry[0] not in first.values())
        if group in chosen
    ]


def _without_own_group(splits: pd.DataFrame, recognized: np.ndarray) -> list[dict[str, Any]]:
    """Return classes that are the most frequent in no set of near-duplicates; ties count for the first by name."""
    counts = splits.groupby([recognized, "label"]).size().unstack(fill_value=0).sort_index(axis=1)
    counted = counts.idxmax(axis=1)
    entries = []
    for label, rows in splits.groupby("label", sort=True):
        numbers = np.unique(recognized[rows.index])
        if (counted[numbers] != label).all():
            shared = splits[np.isin(recognized, numbers) & (splits["label"] != label)]
            entries.append(
                {
                    "label": label,
                    "images": len(rows),
                    "counted_as": _counts(shared["label"]),
                    "examples": [*rows["path"].tolist()[:EXAMPLES], *shared["path"].tolist()[:EXAMPLES]],
                }
            )
    return entries


def _same_cell(splits: pd.DataFrame, recognized: np.ndarray) -> list[dict[str, Any]]:
    return [
        {
            "photo_ids": sorted(rows["photo_id"].unique().tolist()),
            "labels": _counts(rows["label"]),
            "examples": rows.drop_duplicates("photo_id")["path"].tolist()[:EXAMPLES],
        }
        for _, rows in splits.groupby(recognized, sort=True)
        if rows["photo_id"].nunique() > 1
    ]


def _counts(labels: pd.Series) -> dict[str, int]:
    """Return {label: count}, the most frequent first and ties by name."""
    counts = labels.value_counts()
    return {label: int(counts[label]) for label in sorted(counts.index, key=lambda name: (-counts[name], name))}


def _shared(parts: pd.Series, groups: np.ndarray) -> float | None:
    """Return the share of the test images whose group also has images in train."""
    test, train = (groups[parts == part] for part in ("test", "train"))
    return round(float(np.isin(test, train).mean()), 4) if len(test) else None


def _sources(splits: pd.DataFrame, scheme: str) -> dict[str, dict[str, int]]:
    counts = splits.groupby([scheme, "label"])["group"].nunique()
    labels = sorted(splits["label"].unique())
    return {part: {label: int(counts.get((part, label), 0)) for label in labels} for part in PARTS}


def _missing(splits: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {"scheme": scheme, "label": label, "part": part, "groups": rows["group"].nunique()}
        for scheme in HOLDOUTS
        for label, rows in splits.groupby("label", sort=True)
        for part in PARTS
        if not (rows[scheme] == part).any()
    ]


def _in_one_fold(splits: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {"scheme": CROSSVAL, "label": label, "part": "train", "groups": rows["group"].nunique()}
        for label, rows in splits.groupby("label", sort=True)
        if rows["fold"].nunique() == 1
    ]


def _uneven(splits: pd.DataFrame, asked: Sequence[float]) -> list[dict[str, Any]]:
    statements = []
    for scheme in HOLDOUTS:
        for label, rows in splits.groupby("label", sort=True):
            found = [float((rows[scheme] == part).mean()) for part in PARTS]
            if max(abs(has - wanted) for has, wanted in zip(found, asked, strict=True)) > NEAR:
                shares = {"asked": [round(share, 4) for share in asked], "found": [round(share, 4) for share in found]}
                statements.append({"scheme": scheme, "label": label, **shares})
    return statements
