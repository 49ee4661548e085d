"""Executors of the embedding: this process, or the workers of a Dask cluster. Both write the same shards."""

import contextlib
import functools
import itertools
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from wbc.common.errors import UserError
from wbc.embed.cache import FeatureCache
from wbc.embed.embedding import Execute, Forward, ViewSpec, Work, embed
from wbc.embed.engines import Engine, surroundings

LIVES = 3  # workers that may die on one shard before it fails
PATIENCE = "30s"  # timeout for the scheduler's answer


def local(build: Callable[[], Engine], spec: ViewSpec, cache: FeatureCache) -> Execute:
    """Return a function for `embedding.write_features` that embeds in this process.

    Args:
        build: build() returns the `engines.Engine`; it is called only if features are missing.
        spec: an `embedding.ViewSpec`.
        cache: the `FeatureCache` to write to.
    """

    def execute(shards: Sequence[Sequence[Work]]) -> Iterator[int]:
        # One stream through all shards, so that the backbone never waits between two of them.
        engine = build()
        features = embed(list(itertools.chain.from_iterable(shards)), engine.load(), engine.size, spec)
        for shard in shards:
            _write(shard, features, spec, cache)
            yield len(shard)

    return execute


def dask(build: Callable[[], Engine], spec: ViewSpec, cache: FeatureCache) -> Execute:
    """Return a function for `embedding.write_features` that embeds on a Dask cluster, one shard per task.

    The scheduler's address is taken from DASK_SCHEDULER_ADDRESS (see
    https://docs.dask.org/en/stable/configuration.html); without one, worker processes are started on this machine, one
    per core. Workers read the images and write the shards under the same paths as this process. A shard whose worker
    dies is given to another.

    Args, result:
        as `local`.
    """

    def execute(shards: Sequence[Sequence[Work]]) -> Iterator[int]:
        import distributed  # takes a second to import, and only this function needs it

        with _client(distributed) as client:
            engine = build()
            remote = client.scatter(engine, broadcast=True)
            expected = surroundings(engine.name)
            tasks = client.map(
                _embed_shard, shards, engine=remote, expected=expected, spec=spec, cache=cache, pure=False
            )
            try:
                for task in distributed.as_completed(tasks):
                    yield task.result()
            except distributed.KilledWorker as error:
                raise UserError(
                    f"{LIVES} workers died over one shard: {error}. Often they lack memory. Look at their logs; "
                    "finished shards are kept."
                ) from None

    return execute


# All executors, by the value of the parameter.
EXECUTORS = {"local": local, "dask": dask}


@contextlib.contextmanager
def _client(distributed: Any) -> Iterator[Any]:
    """Connect to the cluster that the environment names, or start one on this machine."""
    address = os.environ.get("DASK_SCHEDULER_ADDRESS")
    if address:
        try:
            client = distributed.Client(address, timeout=PATIENCE)
        except OSError as error:
            raise UserError(
                f"DASK_SCHEDULER_ADDRESS is {address}, and no scheduler answers there: {error}. Start one by "
                "`dask scheduler`, or unset the variable to use this machine."
            ) from None
        with client:
            yield client
        return
    import dask.config

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": LIVES - 1}),
        distributed.LocalCluster(threads_per_worker=1, dashboard_address=None, silence_logs="ERROR") as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def _embed_shard(shard: Sequence[Work], engine: Engine, expected: str, spec: ViewSpec, cache: FeatureCache) -> int:
    """Embed a shard in a worker; `expected` is the `surroundings` in the cache's key."""
    own = surroundings(engine.name)
    if own != expected:
        # It would write wrong features under these keys, for everybody who shares the cache.
        raise UserError(
            f"A worker ({socket.gethostname()}) has other code or other packages than this process, so it would make "
            f"other features. It has\n  {own}\nand here are\n  {expected}\nStart the workers from the same commit and "
            "the same environment."
        )
    features = embed(shard, _loaded(engine), engine.size, spec)
    _write(shard, features, spec, cache)
    return len(shard)


@functools.lru_cache(1)
def _loaded(engine: Engine) -> Forward:
    """Return the loaded backbone; a worker keeps it after its first shard."""
    return engine.load()


def _write(shard: Sequence[Work], features: Iterator[np.ndarray], spec: ViewSpec, cache: FeatureCache) -> None:
    rows = np.concatenate(list(itertools.islice(features, len(shard))))
    cache.write([spec.key(work.sha256, number) for work in shard for number in work.views], rows)
