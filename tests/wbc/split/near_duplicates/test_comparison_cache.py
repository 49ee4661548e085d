"""The cache of compared pairs: what it keeps, and what it does when its file is damaged or of other code."""

import numpy as np
import pytest

from wbc.split.near_duplicates import comparison_cache
from wbc.split.near_duplicates.comparison_cache import ComparisonCache

A, B, C = (letter * 32 for letter in (b"a", b"b", b"c"))


@pytest.fixture
def folder(tmp_path):
    """A cache in which two pairs are kept, each in a block of its own."""
    cache = ComparisonCache(tmp_path)
    cache.put(A, B, 1.25, 3.5)
    cache.flush()
    cache.put(B, C, -2.0, np.inf)
    cache.flush()
    return tmp_path


def test_what_was_compared_is_known_later_and_the_order_of_a_pair_counts(folder):
    cache = ComparisonCache(folder)
    assert cache.get(A, B) == (1.25, 3.5) and cache.get(B, C) == (-2.0, np.inf)
    assert cache.get(B, A) is None and cache.get(A, C) is None


def test_what_is_not_flushed_is_lost_and_a_full_block_is_written_by_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(comparison_cache, "BLOCK", 2)
    cache = ComparisonCache(tmp_path)
    for number in range(5):
        cache.put(A, bytes([number]), number, 0)
    assert [ComparisonCache(tmp_path).get(A, bytes([number])) is not None for number in range(5)] == [True] * 4 + [
        False
    ]


def test_no_damage_passes_unnoticed_and_what_is_appended_after_it_is_found(folder):
    (file,) = folder.glob("*.pairs")
    whole = file.read_bytes()
    for place in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[place] ^= 4
        file.write_bytes(damaged)
        cache = ComparisonCache(folder)
        assert cache.get(A, B) in ((1.25, 3.5), None) and cache.get(B, C) in ((-2.0, np.inf), None)
        assert cache.get(B, C) is None
        cache.put(A, C, 7, 7)
        cache.flush()
        assert ComparisonCache(folder).get(A, C) == (7, 7)
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        assert ComparisonCache(folder).get(B, C) is None


def test_comparisons_of_other_code_are_not_served_and_go(folder, monkeypatch):
    monkeypatch.setattr(comparison_cache, "code_digest", lambda modules: "other code")
    cache = ComparisonCache(folder)
    assert cache.get(A, B) is None and not list(folder.glob("*.pairs"))


def test_a_file_beyond_the_limit_is_begun_anew(folder, monkeypatch):
    monkeypatch.setattr(comparison_cache, "LIMIT", 50)
    assert ComparisonCache(folder).get(A, B) is None and not list(folder.glob("*.pairs"))


def test_without_a_folder_nothing_is_kept():
    cache = ComparisonCache(None)
    cache.put(A, B, 1, 1)
    cache.flush()
    assert cache.get(A, B) is None
