"""Groups of sibling images, found from pixels alone. The groups are what `grouped` splitting may not divide."""

import hashlib

import numpy as np

from stages.lib.images import decode
from stages.lib.progress import track


def find_groups(files):
    """Return the group number of each image: equal numbers for images whose decoded pixels are identical.

    That catches a copy under another name, class or lossless format. It does not catch a rotated, cropped or
    recompressed copy.

    Args:
        files: paths of image files.

    Returns:
        int array, one number a file, counted from 0 in the order in which groups first appear.
    """
    numbers = {}
    groups = []
    for file in track(files, "compare"):
        pixels, _ = decode(file)
        digest = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).digest()
        groups.append(numbers.setdefault(digest, len(numbers)))
    return np.array(groups, dtype=int)
