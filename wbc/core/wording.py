"""Words of reports and messages that depend on a number."""


def plural(count: int, noun: str) -> str:
    """Return a count and its noun.

    >>> plural(1, "image"), plural(1200, "image")
    ('1 image', '1,200 images')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
