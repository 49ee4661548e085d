import os
import pickle
import time
from pathlib import Path

import numpy as np
import pytest

from wbc.embed.cache import FeatureCache, key


def rows(first, count=3, length=5):
    """(keys, features) of `count` rows."""
    keys = [key(f"cell {number}") for number in range(first, first + count)]
    return keys, np.arange(first * length, (first + count) * length, dtype=np.float16).reshape(count, length)


@pytest.fixture(params=["folder", "address"])
def cache(request, tmp_path):
    address = tmp_path / "cache" if request.param == "folder" else f"memory://{tmp_path.name}"
    return FeatureCache(address, "maker", 5, limit=10**6)


def contents(cache):
    """{key: its row} of all that can be read."""
    return {
        found: row
        for shard, keys in cache.shards()
        for found, row in zip(keys.tolist(), cache.read(shard, len(keys)).tolist(), strict=True)
    }


def shard_of(cache):
    """{key: the shard that holds its row}."""
    return {found: shard for shard, keys in cache.shards() for found in keys.tolist()}


def test_what_was_written_is_found_by_its_key(cache):
    assert shard_of(cache) == {}
    written = {}
    for first in (0, 3):
        keys, features = rows(first)
        cache.write(keys, features)
        written |= dict(zip(keys, features.tolist(), strict=True))
    assert contents(cache) == written


def test_the_same_rows_again_are_one_shard(cache):
    for _ in range(2):
        cache.write(*rows(0))
    assert len(list(cache.shards())) == 1


def test_keys_are_of_the_whole_text():
    assert key("cell 1") != key("cell 11")
    assert len(key("")) == 16


def test_equal_keys_with_other_features_are_a_shard_of_their_own(cache):
    keys, features = rows(0)
    cache.write(keys, features)
    cache.write(keys, features + 1)
    assert len(list(cache.shards())) == 2


def test_a_cache_can_be_sent_to_another_process(tmp_path):
    cache = FeatureCache(tmp_path, "maker", 5, limit=10**6)
    cache.write(*rows(0))
    assert contents(pickle.loads(pickle.dumps(cache))) == contents(cache)


@pytest.mark.parametrize("damage", ["a bit flipped", "cut off", "empty", "not a shard"])
def test_a_damaged_shard_is_noticed_and_removed(cache, damage, capsys):
    cache.write(*rows(0, count=50))
    cache.write(*rows(100))
    shard = shard_of(cache)[key("cell 0")]
    content = bytearray(cache.files.cat_file(shard))
    if damage == "a bit flipped":
        content[16 * 50 + 100] ^= 1  # among the features, which `shards` doesn't read
    damaged = {"cut off": content[:500], "empty": b"", "not a shard": b"text"}.get(damage, content)
    cache.files.pipe_file(shard, bytes(damaged))
    found = set(shard_of(cache).values())
    assert (shard in found) == (damage == "a bit flipped")
    assert cache.read(shard, 50) is None
    assert not cache.files.exists(shard)
    assert "is made anew" in capsys.readouterr().out
    assert set(shard_of(cache)) == set(rows(100)[0])


def test_the_oldest_shards_go_when_there_is_too_much(tmp_path):
    cache = FeatureCache(tmp_path, "maker", 5, limit=3 * 10**4)
    for first in (0, 1000, 2000, 3000):
        cache.write(*rows(first, count=1000))  # 26 kB each
    shards = shard_of(cache)
    for age, first in enumerate((2000, 1000, 0, 3000)):
        then = time.time() - 100 * age
        os.utime(shards[key(f"cell {first}")], (then, then))
    cache.trim(keep=[shards[key("cell 0")]])
    kept = {first for first in (0, 1000, 2000, 3000) if key(f"cell {first}") in shard_of(cache)}
    assert kept == {0}  # 26 kB are in use, and no other fits beside them


def test_trimming_leaves_what_fits(tmp_path):
    cache = FeatureCache(tmp_path, "maker", 5, limit=6 * 10**4)
    for first in (0, 1000):
        cache.write(*rows(first, count=1000))
    cache.trim()
    assert len(shard_of(cache)) == 2000


def test_what_killed_writers_left_goes_after_a_day(tmp_path):
    cache = FeatureCache(tmp_path, "maker", 5, limit=10**6)
    cache.write(*rows(0))
    ((shard, _),) = cache.shards()
    old, new = (Path(shard).with_suffix(f".{32 * digit}.partial") for digit in "01")
    for file, age in ((old, 10**5), (new, 10)):
        file.write_bytes(b"half")
        os.utime(file, (time.time() - age,) * 2)
    cache.trim()
    assert sorted(file.suffixes[-1] for file in Path(shard).parent.iterdir()) == [".partial", ".shard"]
    assert new.exists()


def test_files_that_are_not_the_caches_stay(tmp_path):
    """Whoever names a folder of data as FEATURE_CACHE must not lose any."""
    cache = FeatureCache(tmp_path, "maker", 5, limit=1)
    cache.write(*rows(0))
    names = (
        "data.npz",
        "study/data.npz",
        "study/0.partial",
        f"{32 * 'a'}/data.shard",
        f"{Path(cache.folder).name}/a.npz",
    )
    others = [tmp_path / name for name in names]
    for file in others:
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"of somebody else")
        os.utime(file, (0, 0))
    cache.trim()
    assert not shard_of(cache)
    assert all(file.exists() for file in others)


def test_shards_of_earlier_versions_go_too(tmp_path):
    cache = FeatureCache(tmp_path, "maker", 5, limit=0)
    old = [tmp_path / f"{32 * 'a'}/{32 * 'b'}{ending}" for ending in (".shard", ".npz")]
    for file in old:
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"1234")
    cache.trim()
    assert not any(file.exists() for file in old)


def test_two_processes_trim_at_once(tmp_path, monkeypatch):
    cache = FeatureCache(tmp_path, "maker", 5, limit=0)
    for first in (0, 3):
        cache.write(*rows(first))
    remove = cache.files.rm_file

    def remove_twice(name):
        remove(name)
        remove(name)

    monkeypatch.setattr(cache.files, "rm_file", remove_twice)
    cache.trim()  # the other process goes on with it
    assert len(list(cache.shards())) == 1


def test_makers_share_the_room_but_no_rows(tmp_path):
    mine, theirs = (FeatureCache(tmp_path, maker, 5, limit=3 * 10**4) for maker in ("one backbone", "another"))
    for cache, age in ((mine, 100), (theirs, 0)):
        cache.write(*rows(0, count=1000))
        ((shard, _),) = cache.shards()
        os.utime(shard, (time.time() - age,) * 2)
    theirs.trim()
    assert (len(shard_of(mine)), len(shard_of(theirs))) == (0, 1000)


def test_no_flipped_bit_and_no_cut_passes_unnoticed(tmp_path):
    cache = FeatureCache(tmp_path, "maker", 5, limit=10**6)
    keys, features = rows(0)
    cache.write(keys, features)
    ((shard, _),) = cache.shards()
    whole = Path(shard).read_bytes()
    damaged = [whole[:length] for length in range(len(whole))] + [whole + b"more"]
    for position in range(8 * len(whole)):
        content = bytearray(whole)
        content[position // 8] ^= 1 << position % 8
        damaged.append(bytes(content))
    for content in damaged:
        Path(shard).write_bytes(content)
        served = [cache.read(shard, len(keys)) for shard, keys in cache.shards()]
        assert [row for row in served if row is not None] == []
        assert not Path(shard).exists()


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(24, "Too many open files")])
def test_a_shard_that_cannot_be_read_now_is_kept(tmp_path, monkeypatch, error):
    """It may be whole: another's, or behind a network that is away."""
    cache = FeatureCache(tmp_path, "maker", 5, limit=10**6)
    keys, features = rows(0)
    cache.write(keys, features)
    ((shard, _),) = cache.shards()

    def refuse(*_):
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(cache.files, "open", refuse)
        with pytest.raises(OSError, match=error.strerror):
            list(cache.shards())
        with pytest.raises(OSError, match=error.strerror):
            cache.read(shard, 3)
    assert (cache.read(shard, 3) == features).all()


@pytest.mark.parametrize("name", ["wbc[1]", "a::b", "memory::x", "50%", "file:x", "#*?"])
def test_a_path_is_a_path_whatever_letters_are_in_it(tmp_path, name):
    cache = FeatureCache(tmp_path / name, "maker", 5, limit=10**6)
    cache.write(*rows(0))
    assert set(shard_of(cache)) == set(rows(0)[0])
    assert list((tmp_path / name).rglob("*.shard"))
