import os
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
    return FeatureCache(address, "maker", limit=10**6)


def contents(cache):
    """{key: its row} of all that can be read."""
    return {
        found: row
        for shard, keys in cache.shards()
        for found, row in zip(keys.tolist(), cache.read(shard, 5).tolist(), strict=True)
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


@pytest.mark.parametrize("damage", ["a bit flipped", "cut off", "empty", "not a shard"])
def test_a_damaged_shard_is_noticed_and_removed(tmp_path, damage):
    cache = FeatureCache(tmp_path, "maker", limit=10**6)
    cache.write(*rows(0, count=50))
    cache.write(*rows(100))
    shard = shard_of(cache)[key("cell 0")]
    file = Path(shard)
    content = bytearray(file.read_bytes())
    if damage == "a bit flipped":
        content[content.index(rows(0, 50)[1].tobytes()) + 100] ^= 1  # among the features, which `shards` doesn't read
    file.write_bytes({"cut off": content[:500], "empty": b"", "not a shard": b"text"}.get(damage, content))
    found = set(shard_of(cache).values())
    assert cache.read(shard, 5) is None if shard in found else damage != "a bit flipped"
    assert not file.exists()
    assert set(shard_of(cache)) == set(rows(100)[0])


def test_the_oldest_shards_go_when_there_is_too_much(tmp_path):
    cache = FeatureCache(tmp_path, "maker", limit=3 * 10**4)
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
    cache = FeatureCache(tmp_path, "maker", limit=6 * 10**4)
    for first in (0, 1000):
        cache.write(*rows(first, count=1000))
    cache.trim()
    assert len(shard_of(cache)) == 2000


def test_what_killed_writers_left_goes_after_a_day(tmp_path):
    cache = FeatureCache(tmp_path, "maker", limit=10**6)
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
    cache = FeatureCache(tmp_path, "maker", limit=1)
    cache.write(*rows(0))
    others = [tmp_path / name for name in ("data.npz", "study/data.npz", "study/0.partial", f"{32 * 'a'}/data.shard")]
    for file in others:
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"of somebody else")
        os.utime(file, (0, 0))
    cache.trim()
    assert not shard_of(cache)
    assert all(file.exists() for file in others)


def test_makers_share_the_room_but_no_rows(tmp_path):
    mine, theirs = (FeatureCache(tmp_path, maker, limit=3 * 10**4) for maker in ("one backbone", "another"))
    for cache, age in ((mine, 100), (theirs, 0)):
        cache.write(*rows(0, count=1000))
        ((shard, _),) = cache.shards()
        os.utime(shard, (time.time() - age,) * 2)
    theirs.trim()
    assert (len(shard_of(mine)), len(shard_of(theirs))) == (0, 1000)


def test_no_flipped_bit_and_no_cut_passes_unnoticed(tmp_path):
    cache = FeatureCache(tmp_path, "maker", limit=10**6)
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
        served = [cache.read(shard, 5) for shard, _ in cache.shards()]
        assert [row for row in served if row is not None] == []
        assert not Path(shard).exists()


@pytest.mark.parametrize("bad", ["nan", "another width", "a folder"])
def test_a_shard_of_other_content_is_removed(tmp_path, bad, capsys):
    cache = FeatureCache(tmp_path, "maker", limit=10**6)
    keys, features = rows(0)
    cache.write(keys, {"nan": features * np.float16("nan"), "another width": features[:, :4]}.get(bad, features))
    ((shard, _),) = cache.shards()
    if bad == "a folder":
        Path(shard).unlink()
        Path(shard, "inside").mkdir(parents=True)
    assert [cache.read(shard, 5) for shard, _ in cache.shards()] in ([None], [])
    assert not Path(shard).exists()
    assert "is made anew" in capsys.readouterr().out


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(24, "Too many open files")])
def test_a_shard_that_cannot_be_read_now_is_kept(tmp_path, monkeypatch, error):
    """It may be whole: another's, or behind a network that is away."""
    cache = FeatureCache(tmp_path, "maker", limit=10**6)
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
            cache.read(shard, 5)
    assert (cache.read(shard, 5) == features).all()


@pytest.mark.parametrize("name", ["wbc[1]", "a::b", "memory::x", "50%", "file:x", "#*?"])
def test_a_path_is_a_path_whatever_letters_are_in_it(tmp_path, name):
    cache = FeatureCache(tmp_path / name, "maker", limit=10**6)
    cache.write(*rows(0))
    assert set(shard_of(cache)) == set(rows(0)[0])
    assert list((tmp_path / name).rglob("*.shard"))
