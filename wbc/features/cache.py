"""Features that were computed before, kept in shards, so that a kill or some images more cost only what is missing.

A shard is an .npz file of a few hundred rows and their keys. It is written beside and renamed, so that it is there
whole or not at all, and its checksums (CRC-32, of the zip format) are compared whenever it is read. The folder may be
on this machine or, by an address that fsspec knows (s3://bucket/folder), elsewhere.
"""

import hashlib
import io
import time
import uuid
import zipfile

import fsspec
import numpy as np

KEY = np.dtype("V16")  # what a row's key is stored as


def key(made_of):
    """Return the key, 16 bytes, of what a text says all about."""
    return hashlib.blake2b(made_of.encode(), digest_size=16).digest()


class FeatureCache:
    """A folder of shards for each maker of features.

    >>> cache = FeatureCache("memory://features", "EfficientNetB0", limit=10**9)
    >>> cache.write([key("cell 1")], np.zeros((1, 1280), np.float16))
    >>> [(keys.tolist() == [key("cell 1")], cache.read(shard).shape) for shard, keys in cache.shards()]
    [(True, (1, 1280))]

    Args:
        address: a path, or an address that fsspec knows. It is made where it is missing.
        maker: a text that says on what, beside their keys, the features depend.
        limit: bytes that `trim` leaves, of all makers together.
    """

    def __init__(self, address, maker, limit):
        self.address, self.maker, self.limit = str(address), maker, limit
        self.files, self.root = fsspec.core.url_to_fs(self.address)
        self.folder = f"{self.root}/{key(maker).hex()}"

    def __reduce__(self):
        return FeatureCache, (self.address, self.maker, self.limit)

    def write(self, keys, features):
        """Keep rows as one shard.

        Args:
            keys: list of keys, one a row.
            features: float16 array (rows, n).
        """
        content = io.BytesIO()
        np.savez(content, keys=np.array(keys, KEY), features=features)
        name = hashlib.sha256(b"".join(keys)).hexdigest()[:32]
        partial = f"{self.folder}/{name}.{uuid.uuid4().hex}.partial"
        self.files.makedirs(self.folder, exist_ok=True)
        try:
            self.files.pipe_file(partial, content.getvalue())
            self.files.mv(partial, f"{self.folder}/{name}.npz")
        except BaseException:
            if self.files.exists(partial):
                self.files.rm_file(partial)
            raise

    def shards(self):
        """Yield (path, keys of its rows) of each shard that can be read; others are removed, to be made anew."""
        for shard in sorted(self.files.glob(f"{self.folder}/*.npz")):
            keys = self._read(shard, "keys")
            if keys is not None:
                yield shard, keys

    def read(self, shard):
        """Return a shard's features, float16 (rows, n), or None where they are damaged; the shard is removed then."""
        return self._read(shard, "features")

    def trim(self, keep=()):
        """Remove the shards written longest ago until the rest is within the limit, and what killed writers left.

        Shards of other makers count and go too.

        Args:
            keep: shards in use, which stay.
        """
        self.files.invalidate_cache()
        found = self.files.find(self.root, detail=True).values()
        found = sorted((_age(entry), entry["name"], entry["size"]) for entry in found)
        total = sum(size for _, _, size in found)
        keep = set(keep)
        for age, name, size in reversed(found):
            abandoned = name.endswith(".partial") and age > 86400
            if abandoned or (total > self.limit and name.endswith(".npz") and name not in keep):
                self.files.rm_file(name)
                total -= size

    def _read(self, shard, name):
        try:
            with self.files.open(shard, "rb") as file, np.load(file, allow_pickle=False) as content:
                return content[name]
        except (zipfile.BadZipFile, ValueError, KeyError, EOFError):
            if self.files.exists(shard):
                self.files.rm_file(shard)
            return None


def _age(entry):
    """Seconds since a file was written, by whatever the file system calls its date."""
    for name in ("mtime", "LastModified", "last_modified", "created"):
        if name in entry and entry[name] is not None:
            written = entry[name]
            return time.time() - (written if isinstance(written, int | float) else written.timestamp())
    return 0.0
