"""Words of reports and messages that depend on a number."""

from collections.abc import Sequence


def plural(count: int, noun: str) -> str:
    """Return a count and its noun.

    >>> plural(1, "image"), plural(1200, "image")
    ('1 image', '1,200 images')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def listed(words: Sequence[object]) -> str:
    """Join words by commas and a final "and"; without words, return "no".

    >>> listed([128, 64, 32]), listed(["a"]), listed([])
    ('128, 64 and 32', 'a', 'no')
    """
    *first, last = map(str, words or ["no"])
    return f"{', '.join(first)} and {last}" if first else last
