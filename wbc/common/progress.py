"""Prefetching in threads, and the progress of long work."""

import collections
import concurrent.futures
import itertools
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any, TypeVar, cast

import joblib
from tqdm import tqdm

T = TypeVar("T")
R = TypeVar("R")
EVERY = 10.0  # seconds between two lines without a terminal
EARLY_SECONDS, EARLY_SHARE = 5.0, 0.05  # the remaining time is estimated after both have passed


def prefetch(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Yield `function(item)` of each item in order, computed by threads that run only a few items ahead.

    joblib's generator doesn't bound memory: with joblib 1.6 all of 10,000 calls ran after one result was taken.

    >>> list(prefetch(abs, [1, -2, 3]))
    [1, 2, 3]
    """
    workers = joblib.cpu_count()
    items = iter(items)
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        waiting = collections.deque(pool.submit(function, item) for item in itertools.islice(items, 4 * workers))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(function, item) for item in itertools.islice(items, 1))
            yield result


def track(items: Iterable[T], label: str, total: int | None = None, unit: str = "images") -> Iterator[T]:
    """Yield each of `items` and show the progress: a bar on a terminal, a line every 10 s elsewhere.

    Args:
        items: any iterable.
        label: name of the work, such as "embed".
        total: number of items; by default `len(items)`.
        unit: name of the items, in the plural.
    """
    total = len(cast(Sized, items)) if total is None else total
    on_terminal = sys.stderr.isatty()
    layout = "{l_bar}{bar}| {n:,} of {total:,}{unit} [{elapsed}{left}]"
    started = said = time.monotonic()
    bar = _Bar(items, label, total, unit=f" {unit}", bar_format=layout, disable=not on_terminal)
    done = 0
    for done, item in enumerate(bar, 1):
        yield item
        now = time.monotonic()
        if not on_terminal and now - said >= EVERY and done < total:
            said = now
            left = _left(done, total, now - started)
            print(f"{label}: {done:,} of {total:,} {unit}{left}", file=sys.stderr, flush=True)
    if not on_terminal:
        print(f"{label}: {done:,} {unit} in {time.monotonic() - started:,.1f} s", file=sys.stderr, flush=True)


class _Bar(tqdm):
    """Progress bar that shows no estimate before it is reliable."""

    @property
    def format_dict(self) -> dict[str, Any]:
        facts = super().format_dict
        return facts | {"left": _left(facts["n"], facts["total"], facts["elapsed"])}


def _left(done: int, total: int, seconds: float) -> str:
    """Return the estimate of the remaining time, or "" if it is too early for one."""
    if seconds < EARLY_SECONDS or done < EARLY_SHARE * total:
        return ""
    return f", about {seconds / done * (total - done):,.0f} s to go"
