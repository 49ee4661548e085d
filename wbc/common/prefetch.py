"""Work in threads, a little ahead of where its results are wanted."""

import collections
import concurrent.futures
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import joblib

T = TypeVar("T")
R = TypeVar("R")


def prefetch(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Yield `function(item)` of each item in order, computed by threads only a few items ahead: memory stays flat.

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
