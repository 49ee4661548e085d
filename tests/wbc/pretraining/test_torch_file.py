import collections
import os
import pickle
import struct

import numpy as np
import pytest

from wbc.common.errors import UserError
from wbc.pretraining import torch_file

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
FLOATS, LONGS = ("torch", "FloatStorage"), ("torch", "LongStorage")


class Name:
    """Something that is pickled as a name alone, as functions and classes are."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class Storage:
    def __init__(self, key, numbers, kind=FLOATS, claimed=None):
        self.key, self.kind = key, Name(*kind)
        self.numbers = np.asarray(numbers, "<f4" if kind == FLOATS else "<i8")
        self.claimed = len(self.numbers) if claimed is None else claimed


class Call:
    """Something that is pickled as a call of a function by its name."""

    def __init__(self, module, name, *arguments):
        self.function, self.arguments = Name(module, name), arguments


class Pickler(pickle._Pickler):  # the Python one, which lets names be written that don't exist here
    dispatch = pickle._Pickler.dispatch.copy()

    def persistent_id(self, item):
        return ("storage", item.kind, item.key, "cpu", item.claimed, None) if isinstance(item, Storage) else None

    def save_name(self, item):
        self.write(pickle.GLOBAL + f"{item.module}\n{item.name}\n".encode())

    def save_call(self, item):
        self.save(item.function)
        self.save(item.arguments)
        self.write(pickle.REDUCE)

    dispatch[Name], dispatch[Call] = save_name, save_call


def tensor(storage, shape, strides, offset=0):
    return Call("torch._utils", "_rebuild_tensor_v2", storage, offset, shape, strides, False, collections.OrderedDict())


def write(path, content, storages=(), magic=MAGIC):
    """Write a file as `torch.save` did before PyTorch 1.6."""
    with path.open("wb") as file:
        for item in (magic, PROTOCOL, {"little_endian": True}, content, [storage.key for storage in storages]):
            Pickler(file, 2).dump(item)
        for storage in storages:
            file.write(struct.pack("<q", len(storage.numbers)) + storage.numbers.tobytes())
    return path


def test_tensors_come_as_they_were_saved(tmp_path):
    floats, longs = Storage("7", range(12)), Storage("3", [1 << 40], LONGS)
    content = {
        "plain": tensor(floats, (2, 3), (3, 1)),
        "turned": tensor(floats, (3, 2), (1, 3)),
        "shared, from 6 on": tensor(floats, (6,), (1,), offset=6),
        "a number": tensor(longs, (), ()),
    }
    read = torch_file.read(write(tmp_path / "own.pth", content, [floats, longs]))
    assert list(read) == list(content)
    assert (read["plain"] == np.arange(6).reshape(2, 3)).all() and read["plain"].dtype == np.float32
    assert (read["turned"] == np.arange(6).reshape(2, 3).T).all()
    assert (read["shared, from 6 on"] == np.arange(6, 12)).all()
    assert read["a number"] == 1 << 40


@pytest.mark.parametrize(
    ("module", "name"), [("os", "system"), ("posix", "system"), ("builtins", "eval"), ("torch", "load")]
)
def test_what_a_file_wants_to_run_is_not_run(tmp_path, module, name):
    trace = tmp_path / "trace"
    file = write(tmp_path / "bad.pth", {"weight": Call(module, name, f"touch {trace}")})
    with pytest.raises(UserError, match=f"asks for {module}.{name}, which is no part of a tensor"):
        torch_file.read(file)
    assert not trace.exists()


def test_what_a_file_wants_to_run_is_not_run_in_any_of_its_pickles(tmp_path):
    class Malice:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "trace"),)

    for position in range(3):
        pickles = [MAGIC, PROTOCOL, {}]
        pickles[position] = Malice()
        file = tmp_path / "bad.pth"
        file.write_bytes(b"".join(pickle.dumps(item, 2) for item in pickles))
        with pytest.raises(UserError, match="no part of a tensor"):
            torch_file.read(file)
    assert not (tmp_path / "trace").exists()


def test_a_file_that_is_cut_off_is_refused_wherever_the_cut_is(tmp_path):
    floats = Storage("7", range(12))
    content = write(tmp_path / "own.pth", {"weight": tensor(floats, (12,), (1,))}, [floats]).read_bytes()
    for length in range(0, len(content), 7):
        (tmp_path / "cut.pth").write_bytes(content[:length])
        with pytest.raises(UserError, match="can't be read as a PyTorch weights file"):
            torch_file.read(tmp_path / "cut.pth")


def test_another_magic_number_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"not in PyTorch's form of before version 1\.6"):
        torch_file.read(write(tmp_path / "other.pth", {}, magic=MAGIC + 1))


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [
        ((13,), (1,), 0),
        ((12,), (1,), 1),
        ((2, 3), (10, 1), 0),
        ((3,), (1,), -1),
        ((3,), (-1,), 2),
        ((2,), (1 << 62,), 0),
    ],
)
def test_a_tensor_that_reaches_beyond_its_numbers_is_refused(tmp_path, shape, strides, offset):
    floats = Storage("7", range(12))
    file = write(tmp_path / "bad.pth", {"weight": tensor(floats, shape, strides, offset)}, [floats])
    with pytest.raises(UserError, match="reaches beyond its numbers"):
        torch_file.read(file)


def test_a_storage_of_another_length_than_it_says_is_refused(tmp_path):
    floats = Storage("7", range(12), claimed=1 << 50)
    file = write(tmp_path / "bad.pth", {"weight": tensor(floats, (12,), (1,))}, [floats])
    with pytest.raises(UserError, match="not as long as it says"):
        torch_file.read(file)


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        torch_file.read(tmp_path / "missing.pth")
