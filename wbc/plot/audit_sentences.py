"""What the audit of a split says in words, on the terminal and in the report."""

from typing import Any

from wbc.common.wording import plural

ALIKE = 1.25  # times that a cell may be larger in one set of images than in another without a word about it


def shared_sentences(without_own_group: list[dict[str, Any]]) -> list[str]:
    """Return what the audit says of classes without a group of their own."""
    return [
        f"{entry['label']} has no group of its own: "
        + ("its only image is a near-duplicate" if entry["images"] == 1 else "all its images are near-duplicates")
        + f" of images of {', '.join(entry['counted_as'])} ({', '.join(entry['examples'])}). "
        "Its recall is not estimable: either a label is wrong, or the classes hold the same pictures"
        for entry in without_own_group
    ]


def given_sentences(given: dict[str, Any] | None) -> list[str]:
    """Return what the audit says of the groups that the user gave."""
    sentences = []
    for kind, facts in (given["kinds"] if given else {}).items():
        sentences.append(f"{plural(facts['groups'], kind)} given, of {facts['images']:,} images")
        if facts["without"]:
            sentences.append(f"images without a {kind}, such as {', '.join(facts['without'])}, are groups of their own")
        sentences += [
            f"the {kind} {entry['group']} stands under {len(entry['labels'])} labels ("
            + ", ".join(f"{label} {count}" for label, count in entry["labels"].items())
            + ")"
            for entry in facts["two_labels"]
        ]
    if given and given["without_files"]:
        sentences.append(f"given for files that are not there: {', '.join(given['without_files'])}")
    return sentences


def filled_sentence(foreground: dict[str, Any]) -> str:
    """Return how much of their images the cells fill, see `wbc.split.foreground`.

    >>> filled_sentence({"typical": 0.4, "classes": {"a": 0.5, "b": 0.3}})
    "the stained part of a cell covers 30 to 50 % of an image's area, by class"
    """
    shares = [round(100 * share) for share in foreground["classes"].values()]
    return f"the stained part of a cell covers {min(shares)} to {max(shares)} % of an image's area, by class"


def withheld_sentences(withheld: dict[str, Any]) -> list[str]:
    """Return what the audit says of images that are left out of rounds of the cross-validation."""
    sentences = []
    if withheld["images"]:
        sentences.append(
            f"{plural(withheld['images'], 'image')} that might show a cell of another group "
            f"{'is' if withheld['images'] == 1 else 'are'} not learned from in the round of the cross-validation that "
            "scores that cell"
        )
    if withheld["too_doubtful"]:
        sentences.append(
            f"so many images of {', '.join(withheld['too_doubtful'])} might show cells of another fold that not all of "
            "them could be left out: there the cross-validation may be too good"
        )
    return sentences
