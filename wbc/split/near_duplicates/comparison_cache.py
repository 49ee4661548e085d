"""Cache file of compared pairs of images: after a kill, or with more images, only the missing pairs are compared.

The file is only appended to, block by block: the number of pairs (uint32), the SHA-256 of the pairs, and the pairs,
each a key of 16 bytes and two float64, all little-endian. A damaged block and all blocks after it are dropped.
"""

import contextlib
import hashlib
import importlib.metadata
from pathlib import Path

import numpy as np

from wbc.common.code_digest import code_digest

# The modules and packages that determine the result of a comparison.
CODE = (
    "wbc.common.images",
    "wbc.common.tiff",
    "wbc.split.near_duplicates.canonical_frame",
    "wbc.split.near_duplicates.comparisons",
    "wbc.split.near_duplicates.registration",
)
PACKAGES = ("numpy", "opencv-python-headless", "pillow", "tifffile", "imagecodecs")
RECORD = np.dtype([("key", "V16"), ("odds", "<f8"), ("color", "<f8")])
HEAD = 4 + 32  # bytes of a block before its pairs
BLOCK = 256  # pairs per block; a kill costs one at most, some seconds of work
LIMIT = 2**28  # bytes, 8 million pairs; a larger file is deleted


class ComparisonCache:
    """Results of compared pairs of images, by the images' content.

    Args:
        folder: folder of the cache; None keeps nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._file: Path | None = None
        self._known: dict[bytes, tuple[float, float]] = {}
        self._new: list[tuple[bytes, float, float]] = []
        if folder is None:
            return
        versions = [f"{package} {importlib.metadata.version(package)}" for package in PACKAGES]
        maker = hashlib.sha256("\n".join([code_digest(CODE), *versions]).encode()).hexdigest()[:32]
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / f"{maker}.pairs"
        for file in folder.glob("*.pairs"):
            if file != self._file or file.stat().st_size > LIMIT:  # of other code, or too long
                file.unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            self._read(self._file.read_bytes())

    def get(self, first: bytes, second: bytes) -> tuple[float, float] | None:
        """Return the result for two images, given by digests of their content in this order, or None."""
        return self._known.get(_key(first, second))

    def put(self, first: bytes, second: bytes, odds: float, color: float) -> None:
        """Keep the result of comparing two images."""
        if self._file is None:
            return
        self._new.append((_key(first, second), odds, color))
        if len(self._new) >= BLOCK:
            self.flush()

    def flush(self) -> None:
        """Write the results that aren't written yet."""
        if self._file is None or not self._new:
            return
        content = np.array(self._new, RECORD).tobytes()
        with self._file.open("ab") as file:
            file.write(len(self._new).to_bytes(4, "little") + hashlib.sha256(content).digest() + content)
        self._new.clear()

    def _read(self, content: bytes) -> None:
        start = 0
        while start + HEAD <= len(content):
            end = start + HEAD + RECORD.itemsize * int.from_bytes(content[start : start + 4], "little")
            block = content[start + HEAD : end]
            if end > len(content) or hashlib.sha256(block).digest() != content[start + 4 : start + HEAD]:
                break
            for key, odds, color in np.frombuffer(block, RECORD):
                self._known[key.tobytes()] = (float(odds), float(color))
            start = end
        if start < len(content) and self._file:  # cut off by a kill, or damaged: blocks after it would be lost
            self._file.write_bytes(content[:start])


def _key(first: bytes, second: bytes) -> bytes:
    return hashlib.sha256(first + second).digest()[:16]
