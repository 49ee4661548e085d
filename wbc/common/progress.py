"""Progress of long work: a bar on a terminal, plain lines elsewhere (CI, a log file)."""

import sys
import time
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import TypeVar, cast

from tqdm import tqdm

T = TypeVar("T")


def track(
    items: Iterable[T],
    label: str,
    total: int | None = None,
    unit: str = "images",
    every: float = 10.0,
    work: Sequence[float] | None = None,
) -> Iterator[T]:
    """Yield each of `items` and show how far the work is.

    Args:
        items: any iterable.
        label: what is being done, such as "embed".
        total: how many items there are; `len(items)` where it has a length.
        unit: what one item is, in the plural.
        every: seconds between two plain lines, where there is no terminal to draw a bar on.
        work: how much work each item is, in any measure, where they differ much: the time that is left is told by it.
    """
    if total is None:
        total = len(cast(Sized, items))
    if sys.stderr.isatty():
        yield from _with_bar(items, label, total, unit, work)
        return
    work = [1.0] * total if work is None else work
    started = said = time.monotonic()
    done = 0
    for item in items:
        yield item
        done += 1
        now = time.monotonic()
        if now - said >= every and done < total:
            said = now
            left = (now - started) / sum(work[:done]) * sum(work[done:])
            print(f"{label}: {done:,} of {total:,} {unit}, about {left:,.0f} s to go", file=sys.stderr, flush=True)
    print(f"{label}: {done:,} {unit} in {time.monotonic() - started:,.1f} s", file=sys.stderr, flush=True)


def _with_bar(items: Iterable[T], label: str, total: int, unit: str, work: Sequence[float] | None) -> Iterator[T]:
    if work is None:
        yield from tqdm(items, desc=label, total=total, unit=f" {unit}")
        return
    with tqdm(desc=label, total=sum(work), bar_format="{l_bar}{bar}| [{elapsed}<{remaining}]") as bar:
        for item, amount in zip(items, work, strict=True):
            yield item
            bar.update(amount)
