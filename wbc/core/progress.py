"""Progress of long work: a bar on a terminal, plain lines elsewhere (CI, a log file)."""

import sys
import time

from tqdm import tqdm


def track(items, label, total=None, unit="images", every=10.0):
    """Yield each of `items` and show how far the work is.

    Args:
        items: any iterable.
        label: what is being done, such as "embed".
        total: how many items there are; `len(items)` where it has a length.
        unit: what one item is, in the plural.
        every: seconds between two plain lines, where there is no terminal to draw a bar on.
    """
    total = len(items) if total is None else total
    if sys.stderr.isatty():
        yield from tqdm(items, desc=label, total=total, unit=f" {unit}")
        return
    started = said = time.monotonic()
    done = 0
    for item in items:
        yield item
        done += 1
        now = time.monotonic()
        if now - said >= every and done < total:
            said = now
            left = (now - started) / done * (total - done)
            print(f"{label}: {done:,} of {total:,} {unit}, about {left:,.0f} s to go", file=sys.stderr, flush=True)
    print(f"{label}: {done:,} {unit} in {time.monotonic() - started:,.1f} s", file=sys.stderr, flush=True)
