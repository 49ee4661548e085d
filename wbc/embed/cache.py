"""Features that were computed before, kept in shards, so that a kill or some images more cost only what is missing.

A shard is a file of a few hundred rows and their keys. It is written beside and renamed, so that it is there whole or
not at all. Its parts, in little-endian order:

    8 bytes     MAGIC
    2 x uint32  rows, features per row
    32 bytes    SHA-256 of the features
    16 bytes    key of each row
    32 bytes    SHA-256 of all before it
    float16     the features (rows, n)

So the keys can be read alone, and no changed bit passes unnoticed. The folder may be on this machine or, by an address
that fsspec knows (s3://bucket/folder), elsewhere.
"""

import hashlib
import os
import re
import struct
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import fsspec
import numpy as np
import numpy.typing as npt

KEY = np.dtype("V16")  # what a row's key is stored as
MAGIC, ENDING = b"wbcfeat1", ".shard"
ABANDONED = 86_400  # seconds after which nobody is writing what is half-written any more
LIMIT = 20 * 10**9  # bytes of the project's cache, 870,000 images with 8 views; more only while all are in use

_START = struct.Struct(f"<{len(MAGIC)}sII32s")
_DIGEST = 32  # bytes of a SHA-256
# What the cache writes, below its folder: shards, those of earlier versions, and half-written ones.
_OWN = re.compile(r"[0-9a-f]{32}/[0-9a-f]{32}(\.shard|\.npz|\.[0-9a-f]{32}\.partial)")
_ADDRESS = re.compile(r"^[a-z][a-z0-9+.-]+(://|::)")  # s3://..., simplecache::s3://...; else it is a path


class Damaged(Exception):
    """A shard isn't what was written; the message says why."""


# What a damaged shard raises. One that says of itself to be very large asks for more memory than there is.
DAMAGE = (Damaged, IsADirectoryError, MemoryError, ValueError)


def key(made_of: str) -> bytes:
    """Return the key, 16 bytes, of what a text says all about."""
    return hashlib.blake2b(made_of.encode(), digest_size=16).digest()


def project_cache(maker: str) -> "FeatureCache":
    """Return the cache of this project: where the environment's FEATURE_CACHE says, or in .cache/features.

    Args:
        maker: see `FeatureCache`.
    """
    return FeatureCache(os.environ.get("FEATURE_CACHE") or Path(".cache/features").absolute(), maker, LIMIT)


class FeatureCache:
    """A folder of shards for each maker of features.

    >>> cache = FeatureCache("memory://features", "EfficientNetB0", limit=10**9)
    >>> cache.write([key("cell 1")], np.zeros((1, 1280), np.float16))
    >>> [(keys.tolist() == [key("cell 1")], cache.read(shard, 1280).shape) for shard, keys in cache.shards()]
    [(True, (1, 1280))]

    Args:
        address: a path, or an address that fsspec knows. It is made where it is missing.
        maker: a text that says on what, beside their keys, the features depend.
        limit: bytes that `trim` leaves, of all makers together.
    """

    def __init__(self, address: Path | str, maker: str, limit: int) -> None:
        self.address, self.maker, self.limit = str(address), maker, limit
        if _ADDRESS.match(self.address):
            self.files, self.root = fsspec.core.url_to_fs(self.address)
        else:  # of a path, letters such as ":" and "[" mean themselves
            self.files, self.root = fsspec.filesystem("file"), str(Path(self.address).absolute())
        self.folder = f"{self.root}/{key(maker).hex()}"

    def __reduce__(self) -> tuple[type["FeatureCache"], tuple[str, str, int]]:
        return FeatureCache, (self.address, self.maker, self.limit)

    def write(self, keys: Iterable[bytes], features: np.ndarray) -> None:
        """Keep rows as one shard.

        Args:
            keys: list of keys, one per row.
            features: float16 array (rows, n).
        """
        rows = np.ascontiguousarray(features, "<f2")
        content = rows.tobytes()
        head = _START.pack(MAGIC, *rows.shape, hashlib.sha256(content).digest()) + b"".join(keys)
        content = head + hashlib.sha256(head).digest() + content
        name = hashlib.sha256(b"".join(keys)).hexdigest()[:32]
        partial = f"{self.folder}/{name}.{uuid.uuid4().hex}.partial"
        self.files.makedirs(self.folder, exist_ok=True)
        try:
            self.files.pipe_file(partial, content)
            self.files.mv(partial, f"{self.folder}/{name}{ENDING}")
        except BaseException:
            if self.files.exists(partial):
                self.files.rm_file(partial)
            raise

    def shards(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield (path, keys of its rows) of each shard that can be read; others are removed, to be made anew."""
        if not self.files.isdir(self.folder):
            return
        for shard in sorted(self.files.ls(self.folder, detail=False)):
            keys = self._read(shard, _read_keys) if shard.endswith(ENDING) else None
            if keys is not None:
                yield shard, keys

    def read(self, shard: str, length: int) -> npt.NDArray[np.float16] | None:
        """Return a shard's features, float16 (rows, length), or None where they are damaged; it is removed then."""
        return self._read(shard, lambda file: _read_features(file, length))

    def trim(self, keep: Iterable[str] = ()) -> None:
        """Remove the shards written longest ago until the rest is within the limit, and what killed writers left.

        Shards of other makers count and go too; what else may lie in the folder isn't this project's to remove.

        Args:
            keep: shards in use, which stay.
        """
        self.files.invalidate_cache()
        files = self.files.find(self.root, maxdepth=2, detail=True).values()
        own = [entry for entry in files if _OWN.fullmatch(entry["name"].removeprefix(f"{self.root}/"))]
        shards = sorted((_age(entry), entry["name"], entry["size"]) for entry in own)
        total = sum(size for _, _, size in shards)
        keep = set(keep)
        for age, name, size in reversed(shards):
            is_partial = name.endswith(".partial")
            is_superfluous = age > ABANDONED if is_partial else total > self.limit and name not in keep
            if is_superfluous:
                self.files.rm_file(name)
                total -= size

    def _read(self, shard: str, part: Callable[[IO[bytes]], np.ndarray]) -> np.ndarray | None:
        try:
            with self.files.open(shard, "rb") as file:
                return part(file)
        except FileNotFoundError:  # another process has just trimmed it
            return None
        except DAMAGE as error:  # and nothing else: what disk, network or owner don't give now may be whole
            print(f"note: {shard} is damaged ({error or type(error).__name__}) and is made anew", flush=True)
            self.files.rm(shard, recursive=True)
            return None


def _read_keys(file: IO[bytes]) -> np.ndarray:
    start = file.read(_START.size)
    if len(start) < _START.size or not start.startswith(MAGIC):
        raise Damaged("it doesn't start as a shard")
    _, rows, _, _ = _START.unpack(start)
    keys = file.read(rows * KEY.itemsize)
    if file.read(_DIGEST) != hashlib.sha256(start + keys).digest():
        raise Damaged("its keys aren't those that were written")
    return np.frombuffer(keys, KEY)


def _read_features(file: IO[bytes], length: int) -> np.ndarray:
    _read_keys(file)
    content = file.read()
    file.seek(0)
    _, rows, width, digest = _START.unpack(file.read(_START.size))
    if digest != hashlib.sha256(content).digest():
        raise Damaged("its features aren't those that were written")
    if width != length:
        raise Damaged(f"it holds {width} features per row, where {length} are expected")
    features = np.frombuffer(content, "<f2").reshape(rows, width)
    if not np.isfinite(features).all():
        raise Damaged("it holds features that are not finite numbers")
    return features


def _age(entry: dict[str, Any]) -> float:
    """Return seconds since a file was written, by whatever the file system calls its date."""
    for name in ("mtime", "LastModified", "last_modified", "created"):
        if name in entry and entry[name] is not None:
            written = entry[name]
            return time.time() - (written if isinstance(written, int | float) else written.timestamp())
    return 0.0
