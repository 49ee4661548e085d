"""The bytes are fixed: what is written by one release of Python, or system, is what another one writes."""

import hashlib
import zipfile

import numpy as np
import pytest

from wbc.common.files import write_npz, write_zip


def test_the_bytes_are_those_of_every_release_of_python(tmp_path):
    """The digest was the same by Python 3.11.2 and 3.11.7, between which `numpy.savez` wrote other headers."""
    write_npz(tmp_path / "a.npz", {"kernel": np.arange(6, dtype=np.float32).reshape(2, 3), "bias": np.array(0.5)})
    digest = hashlib.sha256((tmp_path / "a.npz").read_bytes()).hexdigest()
    assert digest == "9a5c8d315355d28c3a8bd464a1882a999e41e0747914d0b5f079a1b2c6258aaa"


def test_numpy_reads_what_was_written(tmp_path):
    arrays = {"b": np.eye(3, dtype=np.float16), "a": np.zeros((0, 2)), "c": np.array(["x", "yz"])}
    write_npz(tmp_path / "a.npz", arrays)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as saved:
        assert saved.files == [*arrays]
        for name, array in arrays.items():
            np.testing.assert_array_equal(saved[name], array)
            assert saved[name].dtype == array.dtype


def test_python_objects_are_refused(tmp_path):
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        write_npz(tmp_path / "a.npz", {"a": np.array([{}])})
    assert not (tmp_path / "a.npz").exists()


def test_times_and_names_are_as_given(tmp_path):
    write_zip(tmp_path / "a.zip", {"später.txt": b"1", "a.txt": b"2"})
    with zipfile.ZipFile(tmp_path / "a.zip") as written:
        assert [(info.filename, info.date_time[0]) for info in written.infolist()] == [
            ("später.txt", 1980),
            ("a.txt", 1980),
        ]
        assert written.read("später.txt") == b"1"
