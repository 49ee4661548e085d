"""A stand-in for `stages.lib.siblings`, put in its place by `tools.bench.scale --stand-in`: finds exact turns only.

What it finds takes no time worth naming, so that the rest of the pipeline can be measured on more images than the
search would get through in an afternoon. It is no search: any other change of an image escapes it.
"""

import hashlib
from typing import NamedTuple

import numpy as np

from stages.lib.images import decode
from stages.lib.progress import track
from stages.lib.threads import ahead


class Siblings(NamedTuple):
    """Which images are one another's turns; int arrays, one number an image."""

    group: np.ndarray
    kin: np.ndarray
    pixels: np.ndarray


def find_siblings(files):
    """Group image files whose pixels are the same after some quarter turns."""
    keys = list(track(ahead(_keys, files), "describe", total=len(files)))
    group, pixels = (np.unique(column, return_inverse=True)[1] for column in zip(*keys, strict=True))
    return Siblings(group, group, pixels)


def _keys(file):
    pixels, _ = decode(file)
    turns = [hashlib.sha256(np.rot90(pixels, turn).tobytes()).hexdigest() for turn in range(4)]
    return min(turns), turns[0]
