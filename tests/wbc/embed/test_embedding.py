import numpy as np
import pytest

from wbc.common.errors import UserError
from wbc.common.images import decode, resize, zoomed
from wbc.embed import backbones, engines, executors
from wbc.embed.cache import FeatureCache
from wbc.embed.embedding import ViewSpec, write_features
from wbc.embed.inference import BATCH, compiled
from wbc.embed.tensorflow_setup import keras, start
from wbc.embed.views import Augmentation, view

ANY = Augmentation(horizontal_flip=True, vertical_flip=True, rotation=0.5, zoom=0.1, contrast=0.1)


@pytest.fixture(scope="module")
def model():
    start(1)
    return backbones.build(32, "random", seed=1)


@pytest.fixture(scope="module")
def small():
    """A backbone that is built and run in no time."""
    start(1)
    layers = [keras.Input((32, 32, 3)), keras.layers.Conv2D(8, 5, 4), keras.layers.GlobalAveragePooling2D()]
    return keras.Sequential([*layers, keras.layers.Rescaling(0.1)])


@pytest.fixture
def images(images):
    return images[:25]


def write(
    path, model, images, views, *, cache=None, engine="tensorflow", execute=executors.local, seed=7, zooms=(1.0,)
):
    """Write features and return their bytes; `cache` is the folder of the cache, a new one by default."""
    spec = ViewSpec(ANY, seed, zooms=zooms)
    cache = FeatureCache(cache or f"memory://{path}", engines.fingerprint(engine, model), model.output_shape[1], 10**9)
    executor = execute(lambda: engines.build(engine, model), spec, cache)
    write_features(path, images, views, spec, cache, executor)
    return path.read_bytes()


class Counting:
    """An executor like `executors.local` that counts the views it embeds."""

    def __init__(self):
        self.views = 0

    def __call__(self, *arguments):
        execute = executors.local(*arguments)

        def counting(shards):
            self.views += sum(len(work.views) for shard in shards for work in shard)
            yield from execute(shards)

        return counting


@pytest.mark.parametrize("engine", ["tensorflow", "openvino"])
def test_each_row_holds_its_view(model, images, tmp_path, engine):
    write(tmp_path / "f.npy", model, images, 2, engine=engine)
    features = np.load(tmp_path / "f.npy", allow_pickle=False)
    assert features.shape == (25, 3, 1280)
    assert features.dtype == np.float16
    file, sha256 = images[11]
    for number in range(3):
        pixels = view(resize(decode(file)[0], 32), number, ANY, [7, int(sha256[:16], 16)])
        expected = model(pixels[None].astype(np.float32), training=False).numpy()[0]
        assert np.ptp(expected) > 0.1
        assert features[11, number].astype(np.float32) == pytest.approx(expected, rel=1e-3, abs=2e-3)  # float16


@pytest.mark.parametrize("engine", ["tensorflow", "openvino"])
def test_an_images_features_do_not_depend_on_its_company(model, images, tmp_path, engine):
    write(tmp_path / "all.npy", model, images, 2, engine=engine)
    write(tmp_path / "some.npy", model, images[20:22], 2, engine=engine)
    assert (np.load(tmp_path / "some.npy") == np.load(tmp_path / "all.npy")[20:22]).all()


def test_the_same_bytes_twice(small, images, tmp_path):
    assert write(tmp_path / "first.npy", small, images, 1) == write(tmp_path / "second.npy", small, images, 1)


def test_only_what_the_cache_lacks_is_embedded(small, images, tmp_path):
    counts = []
    for some, views, seed in [
        (images[:20], 1, 7),
        (images, 1, 7),  # five images more
        (images[3:], 1, 7),  # three fewer
        (images, 3, 7),  # two views more
        (images, 3, 8),  # another seed: the images as they are, are the same
        ([*images, images[0]], 3, 8),  # an image twice
    ]:
        counting = Counting()
        content = write(tmp_path / "f.npy", small, some, views, cache=tmp_path / "cache", execute=counting, seed=seed)
        assert content == write(tmp_path / "anew.npy", small, some, views, seed=seed)
        counts.append(counting.views)
    assert counts == [40, 10, 0, 50, 75, 0]


def test_a_damaged_shard_is_made_anew(small, images, tmp_path):
    content = write(tmp_path / "f.npy", small, images, 1, cache=tmp_path / "cache")
    (shard,) = (tmp_path / "cache").rglob("*.shard")
    damaged = bytearray(shard.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    shard.write_bytes(damaged)
    counting = Counting()
    assert write(tmp_path / "f.npy", small, images, 1, cache=tmp_path / "cache", execute=counting) == content
    assert counting.views == 50


def test_finished_shards_survive_a_kill(small, images, tmp_path, monkeypatch):
    monkeypatch.setattr("wbc.embed.embedding.SHARD", 10)

    def killed(*arguments):
        execute = executors.local(*arguments)

        def two_shards(shards):
            for number, count in enumerate(execute(shards), start=1):
                yield count
                if number == 2:
                    raise KeyboardInterrupt

        return two_shards

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "f.npy", small, images, 1, cache=tmp_path / "cache", execute=killed)
    counting = Counting()
    content = write(tmp_path / "f.npy", small, images, 1, cache=tmp_path / "cache", execute=counting)
    assert counting.views == 2 * 5
    assert content == write(tmp_path / "anew.npy", small, images, 1)


def test_a_cache_that_keeps_nothing_is_named(small, images, tmp_path):
    def forgetful(*_):
        return lambda shards: [len(shard) for shard in shards]

    with pytest.raises(UserError, match="choose another folder for the cache"):
        write(tmp_path / "f.npy", small, images, 1, execute=forgetful)


def test_rows_are_found_wherever_they_lie(tmp_path):
    """In shards of any order, in several of them, for images that are there twice, and when some vanish meanwhile."""
    random = np.random.default_rng(0)
    spec, cache = ViewSpec(ANY, 7), FeatureCache(tmp_path / "cache", "maker", 4, 10**9)

    def row_of(name):
        return np.frombuffer(name, np.uint8)[:4].astype(np.float16)

    def execute(shards):
        for number, shard in enumerate(shards):
            names = [spec.key(work.sha256, view) for work in shard for view in work.views]
            random.shuffle(names)
            cache.write(names, np.stack([row_of(name) for name in names]))
            if number == 0 and len(shards) > 1:  # another process trims
                for path, _ in [*cache.shards()][:1]:
                    cache.files.rm_file(path)
            yield len(shard)

    for views in (1, 3):
        images = [(f"{number}.png", f"{number:064x}") for number in random.integers(300, size=200)]
        write_features(tmp_path / "f.npy", images, views, spec, cache, execute)
        expected = [[row_of(spec.key(sha256, view)) for view in range(1 + views)] for _, sha256 in images]
        assert (np.load(tmp_path / "f.npy", allow_pickle=False) == np.array(expected)).all()


def test_no_images_are_an_empty_array(tmp_path):
    cache = FeatureCache(tmp_path / "cache", "maker", 4, 10**9)
    cache.write([b"0123456789abcdef"], np.zeros((1, 4), np.float16))
    write_features(tmp_path / "f.npy", [], 2, ViewSpec(ANY, 7), cache, lambda shards: iter([]))
    assert np.load(tmp_path / "f.npy", allow_pickle=False).shape == (0, 3, 4)


@pytest.mark.parametrize("scale", [1e6, np.nan])
def test_features_that_float16_cannot_hold_are_refused(images, tmp_path, scale):
    pooled = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.GlobalAveragePooling2D()])
    pooled.add(keras.layers.Rescaling(scale))
    with pytest.raises(UserError, match="float16"):
        write(tmp_path / "f.npy", pooled, images[:2], 0)


def test_a_short_batch_gives_what_a_full_one_gives(model):
    pixels = np.random.default_rng(0).integers(256, size=(BATCH + 1, 32, 32, 3), dtype=np.uint8)
    together = list(compiled(model)(pixels))
    assert [len(batch) for batch in together] == [BATCH, 1]
    (alone,) = compiled(model)(pixels[:1])
    assert (alone[0] == together[0][0]).all()


def test_a_zoom_more_is_a_column_more_and_leaves_the_other_features_as_they_were(model, images, tmp_path):
    cache, counting = f"memory://{tmp_path}", Counting()
    write(tmp_path / "one.npy", model, images, 2, cache=cache)
    write(tmp_path / "two.npy", model, images, 2, cache=cache, zooms=(1.0, 2.0, 0.5), execute=counting)
    one, two = (np.load(tmp_path / name, allow_pickle=False) for name in ("one.npy", "two.npy"))
    assert two.shape == (25, 5, 1280)
    assert (two[:, 0] == one[:, 0]).all() and (two[:, 3:] == one[:, 1:]).all()
    assert counting.views == 25 * 2  # the two zooms; all else was in the cache
    for number, zoom in ((1, 2.0), (2, 0.5)):
        pixels = resize(zoomed(decode(images[11][0])[0], zoom), 32)
        expected = model(pixels[None].astype(np.float32), training=False).numpy()[0]
        assert two[11, number].astype(np.float32) == pytest.approx(expected, rel=1e-3, abs=2e-3)
