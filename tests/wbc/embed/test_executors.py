import os
import signal
import threading
import time

import distributed
import pytest

from wbc.common.errors import UserError
from wbc.embed import embedding, engines, executors
from wbc.embed.cache import FeatureCache
from wbc.embed.tensorflow_setup import keras, start
from wbc.embed.views import Augmentation

AUGMENTATION = Augmentation(horizontal_flip=True, vertical_flip=True, rotation=0.5, zoom=0.1, contrast=0.1)
RECIPE = embedding.ViewSpec(AUGMENTATION, 7)


@pytest.fixture(scope="module")
def engine():
    start(1)
    layers = [keras.Input((64, 64, 3)), keras.layers.Conv2D(64, 7), keras.layers.GlobalAveragePooling2D()]
    return engines.build("openvino", keras.Sequential([*layers, keras.layers.Rescaling(0.01)]))


def write(folder, images, engine, execute):
    """Write features by an executor; returns their bytes."""
    cache = FeatureCache(folder / "cache", "maker", 64, 10**9)
    embedding.write_features(folder / "f.npy", images, 3, RECIPE, cache, execute(lambda: engine, RECIPE, cache))
    return (folder / "f.npy").read_bytes()


def test_two_workers_write_what_one_process_writes_though_one_is_killed(images, engine, tmp_path, monkeypatch):
    """Real processes, which talk over TCP, on the cluster that the environment names."""
    monkeypatch.setattr(embedding, "SHARD", 5)
    (tmp_path / "local").mkdir()
    (tmp_path / "dask").mkdir()
    expected = write(tmp_path / "local", images, engine, executors.local)

    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", cluster.scheduler_address)
        assert cluster.scheduler_address.startswith("tcp://")
        killed = []

        def kill_one_at_work():
            with distributed.Client(cluster.scheduler_address) as client:
                while not killed:
                    for worker, tasks in client.processing().items():
                        if tasks:
                            process = client.run(os.getpid, workers=[worker], nanny=False)[worker]
                            os.kill(process, signal.SIGKILL)
                            killed.append(process)
                            return
                    time.sleep(0.01)

        killer = threading.Thread(target=kill_one_at_work)
        killer.start()
        found = write(tmp_path / "dask", images, engine, executors.dask)
        killer.join()
    assert killed
    assert found == expected
    names = [sorted(file.name for file in (tmp_path / kind / "cache").rglob("*.shard")) for kind in ("local", "dask")]
    assert names[0] == names[1] != []


def test_a_cluster_of_its_own_where_none_is_named(images, engine, tmp_path, monkeypatch):
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
    (tmp_path / "local").mkdir()
    expected = write(tmp_path / "local", images[:5], engine, executors.local)
    assert write(tmp_path, images[:5], engine, executors.dask) == expected


def test_a_worker_may_have_several_threads(images, engine, tmp_path, monkeypatch):
    """As `dask worker` starts it where nothing is said of threads: they share a backbone."""
    monkeypatch.setattr(embedding, "SHARD", 2)
    (tmp_path / "local").mkdir()
    expected = write(tmp_path / "local", images, engine, executors.local)
    with distributed.LocalCluster(n_workers=1, threads_per_worker=4, dashboard_address=None) as cluster:
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", cluster.scheduler_address)
        assert write(tmp_path, images, engine, executors.dask) == expected


def test_no_scheduler_at_the_address_is_said(images, engine, tmp_path, monkeypatch):
    monkeypatch.setattr(executors, "PATIENCE", "1s")
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "tcp://127.0.0.1:9")
    with pytest.raises(UserError, match="no scheduler answers"):
        write(tmp_path, images[:2], engine, executors.dask)


def test_what_a_worker_finds_wrong_reaches_the_user(images, tmp_path, monkeypatch):
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
    layers = [keras.Input((64, 64, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Rescaling(1e6)]
    with pytest.raises(UserError, match="float16"):
        write(tmp_path, images[:2], engines.build("openvino", keras.Sequential(layers)), executors.dask)


def test_a_worker_with_other_code_is_refused(images, engine, monkeypatch):
    cache = FeatureCache("memory://refused", "maker", 64, 10**9)
    with pytest.raises(UserError, match="other code or other packages"):
        executors._embed_shard([], engine, engines.surroundings(engine.name) + "x", RECIPE, cache)
