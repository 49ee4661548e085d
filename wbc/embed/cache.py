"""Cache of computed features in shards: after a kill, or with more images, only the missing features are computed.

A shard is a file of some hundred rows: their keys, 16 bytes each, then their features, float16, little-endian. Its name
holds 32 digits of the keys' SHA-256 and 32 of the features' SHA-256. So the keys can be read alone, a changed bit is
detected, and processes that write the same rows write the same file. A shard is written under a temporary name and
renamed, so it appears whole or not at all. The folder is a local path or an address that fsspec supports.
"""

import contextlib
import datetime
import hashlib
import os
import re
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

import fsspec
import numpy as np
import numpy.typing as npt

KEY = np.dtype("V16")  # storage type of a row's key
ABANDONED = datetime.timedelta(days=1)  # age at which a half-written file counts as abandoned
LIMIT = 20 * 10**9  # bytes of the project's cache, 870,000 images with 8 views; shards in use may exceed it

_SHARD = re.compile(r"/([0-9a-f]{32})([0-9a-f]{32})\.shard$")
# The cache's own files below its folder: shards, shards of earlier versions, half-written files.
_OWN = re.compile(r"[0-9a-f]{32}/([0-9a-f]{32}){1,2}(\.shard|\.npz|\.[0-9a-f]{32}\.partial)")
_ADDRESS = re.compile(r"^[a-z][a-z0-9+.-]+(://|::)")  # s3://..., simplecache::s3://...; else it is a path


def key(made_of: str) -> bytes:
    """Return the key, 16 bytes, of a text that names everything on which a row depends."""
    return hashlib.blake2b(made_of.encode(), digest_size=KEY.itemsize).digest()


def project_cache(maker: str, length: int) -> "FeatureCache":
    """Return the `FeatureCache` at the environment variable FEATURE_CACHE, by default at .cache/features."""
    return FeatureCache(os.environ.get("FEATURE_CACHE") or Path(".cache/features").absolute(), maker, length, LIMIT)


class FeatureCache:
    """Cache with one folder of shards per maker of features.

    >>> cache = FeatureCache("memory://features", "EfficientNetB0", 1280, limit=10**9)
    >>> cache.write([key("cell 1")], np.zeros((1, 1280), np.float16))
    >>> [(keys.tolist() == [key("cell 1")], cache.read(shard, len(keys)).shape) for shard, keys in cache.shards()]
    [(True, (1, 1280))]

    Args:
        address: a path, or an address that fsspec supports. It is created if it is missing.
        maker: a text that names all that the features depend on besides their keys.
        length: features per row.
        limit: bytes that `trim` leaves of all makers together.
    """

    def __init__(self, address: Path | str, maker: str, length: int, limit: int) -> None:
        self.address, self.maker, self.length, self.limit = str(address), maker, length, limit
        if _ADDRESS.match(self.address):
            self.files, self.root = fsspec.core.url_to_fs(self.address)
        else:  # in a path, ":" and "[" have no special meaning
            self.files, self.root = fsspec.filesystem("file"), str(Path(self.address).absolute())
        self.folder = f"{self.root}/{key(maker).hex()}"

    def write(self, keys: Iterable[bytes], features: np.ndarray) -> None:
        """Write rows as one shard: a key for each row, and features (rows, length)."""
        index, content = b"".join(keys), np.ascontiguousarray(features, "<f2").tobytes()
        shard = f"{self.folder}/{_digest(index)}{_digest(content)}"
        partial = f"{shard}.{uuid.uuid4().hex}.partial"
        self.files.makedirs(self.folder, exist_ok=True)
        self.files.pipe_file(partial, index + content)
        self.files.mv(partial, f"{shard}.shard")

    def shards(self) -> Iterator[tuple[str, npt.NDArray[np.void]]]:
        """Yield (path, keys of its rows) of each shard; remove shards whose keys are damaged."""
        self.files.invalidate_cache()  # to see what other processes have written meanwhile
        try:
            sizes = {entry["name"]: entry["size"] for entry in self.files.ls(self.folder, detail=True)}
        except FileNotFoundError:  # nothing was written yet
            return
        for shard in sorted(filter(_SHARD.search, sizes)):
            rows = sizes[shard] // (KEY.itemsize + 2 * self.length)
            if (keys := self._part(shard, 1, 0, rows * KEY.itemsize)) is not None:
                yield shard, np.frombuffer(keys, KEY)

    def read(self, shard: str, rows: int) -> npt.NDArray[np.float16] | None:
        """Return a shard's features (rows, length), or None if it is trimmed or damaged; remove a damaged shard."""
        features = self._part(shard, 2, rows * KEY.itemsize, None)
        return None if features is None else np.frombuffer(features, "<f2").reshape(rows, self.length)

    def trim(self, keep: Iterable[str] = ()) -> None:
        """Remove the oldest shards until the rest is within the limit, and the leftovers of killed writers.

        Shards of other makers are counted and removed too. Shards in `keep` and foreign files stay.
        """
        self.files.invalidate_cache()
        now, keep = datetime.datetime.now(datetime.UTC), set(keep)
        with contextlib.suppress(FileNotFoundError):  # another process is trimming too
            entries = self.files.find(self.root, maxdepth=2, detail=True)
            own = [name for name in entries if _OWN.fullmatch(name.removeprefix(f"{self.root}/"))]
            written = {name: self.files.modified(name) for name in own}
            total = sum(entries[name]["size"] for name in own)
            for name in sorted(own, key=lambda name: written[name]):
                is_partial = name.endswith(".partial")
                if now - written[name] > ABANDONED if is_partial else total > self.limit and name not in keep:
                    self.files.rm_file(name)
                    total -= entries[name]["size"]

    def _part(self, shard: str, number: int, start: int, end: int | None) -> bytes | None:
        """Return bytes of a shard, or None if their digest differs from part `number` of its name."""
        with contextlib.suppress(FileNotFoundError):  # another process has just trimmed it
            content = self.files.cat_file(shard, start, end)
            if (name := _SHARD.search(shard)) and _digest(content) == name[number]:
                return content
            print(f"note: {shard} is damaged and is made anew", flush=True)
            self.files.rm_file(shard)
        return None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]
