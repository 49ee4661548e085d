"""Which rows of the features are still missing: by their keys, in 25 bytes per row, so that millions fit in memory."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from wbc.embed.cache import KEY


class PendingRows:
    """Rows that are to be filled, each known by a key; rows of equal keys hold the same.

    >>> missing = PendingRows([b"key of one image", b"and of one other", b"key of one image"], 3)
    >>> missing.to_make().tolist()
    [True, True, False]
    >>> (index, rows), = missing.places([b"of no image here", b"key of one image"])
    >>> index, rows.tolist()
    (1, [0, 2])
    >>> missing.fill(rows)
    >>> missing.to_make().tolist(), len(missing)
    ([False, True, False], 1)

    Args:
        keys: iterable of keys, 16 bytes each, one per row in order.
        count: how many there are.
    """

    def __init__(self, keys: Iterable[bytes], count: int) -> None:
        keys = np.fromiter(keys, KEY, count)
        self._rows = np.argsort(keys, kind="stable")  # so that of equal keys the first row comes first
        self._keys = keys[self._rows]
        self._is_missing = np.ones(count, bool)

    def __len__(self) -> int:
        return int(np.count_nonzero(self._is_missing))

    def places(self, keys: npt.ArrayLike) -> list[tuple[int, np.ndarray]]:
        """Return [(index of a key, rows)] of those keys that have missing rows.

        Args:
            keys: keys of rows that are at hand, as bytes or as an array of `feature_cache.KEY`.
        """
        keys = np.asarray(keys, KEY)
        starts, ends = (np.searchsorted(self._keys, keys, side) for side in ("left", "right"))
        wanted = ((int(index), self._rows[starts[index] : ends[index]]) for index in np.flatnonzero(ends > starts))
        return [(index, rows) for index, rows in wanted if self._is_missing[rows[0]]]

    def fill(self, rows: np.ndarray) -> None:
        """Note that rows are no longer missing: all those of a key, as `places` returns them."""
        self._is_missing[rows] = False

    def to_make(self) -> npt.NDArray[np.bool_]:
        """Return which rows are to be made, a bool array: of missing ones with equal keys, the first."""
        is_first = np.ones(len(self._keys), bool)
        is_first[1:] = self._keys[1:] != self._keys[:-1]
        first = np.zeros(len(self._keys), bool)
        first[self._rows[is_first]] = True
        return first & self._is_missing
