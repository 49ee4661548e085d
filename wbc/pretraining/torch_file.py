"""Reader for the tensors of a PyTorch weights file, without PyTorch and without running code from the file.

Before version 1.6, `torch.save` wrote a row of pickles (magic number, protocol, system, the object, the storages'
keys), followed by the raw numbers of each storage. A pickle may name any function to be called. So only the names that
tensors need are accepted; see https://docs.python.org/3/library/pickle.html#restricting-globals.
"""

import collections
import pickle
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from wbc.common.errors import UserError

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_TYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


def read(path: Path | str) -> dict[str, np.ndarray]:
    """Return the tensors of a weights file as {name: array}.

    Args:
        path: a file that `torch.save(model.state_dict(), path)` wrote before PyTorch 1.6, or later in the old form.

    Raises:
        UserError: the file has another form, is cut off, or asks for objects other than tensors.
    """
    try:
        with Path(path).open("rb") as file:
            if (_unpickle(file), _unpickle(file)) != (_MAGIC, _PROTOCOL):
                raise ValueError("it is not in PyTorch's form of before version 1.6")
            _unpickle(file)  # sizes of the writing system's types, not used below
            reader = _TensorReader(file)
            tensors = reader.load()
            for key in _unpickle(file):
                reader.fill(key, file)
            return {name: tensor.array() for name, tensor in tensors.items()}
    except FileNotFoundError:
        raise
    except Exception as error:
        raise UserError(f"{path} can't be read as a PyTorch weights file: {error}.") from None


def _unpickle(file: BinaryIO) -> Any:
    """Unpickle an object of plain numbers, texts, lists and dicts."""
    return _TensorReader(file, names={}).load()


class _Storage:
    """The numbers behind one or several tensors, read after all tensors are known."""

    def __init__(self, kind: np.dtype, count: int) -> None:
        self.kind, self.count = kind, count
        self.numbers: np.ndarray | None = None


class _Tensor:
    """A window on a storage, with the arguments of `torch._utils._rebuild_tensor_v2`."""

    def __init__(
        self, storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any
    ) -> None:
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def array(self) -> np.ndarray:
        size = self.storage.kind.itemsize
        reach = self.offset + sum((n - 1) * stride for n, stride in zip(self.shape, self.strides, strict=True))
        if min((self.offset, *self.strides, *self.shape), default=0) < 0 or reach >= self.storage.count:
            raise ValueError("a tensor reaches beyond its numbers")
        assert self.storage.numbers is not None  # `fill` has read them
        window = self.storage.numbers[self.offset :]
        strides = [stride * size for stride in self.strides]
        return np.lib.stride_tricks.as_strided(window, self.shape, strides, writeable=False).copy()


# {name that the file of tensors may use: its replacement}.
_TENSOR_NAMES: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _Tensor,
} | {("torch", kind): dtype for kind, dtype in _TYPES.items()}


class _TensorReader(pickle.Unpickler):
    """An unpickler that accepts `OrderedDict`, tensors and storages, and refuses every other name."""

    def __init__(self, file: BinaryIO, names: dict[tuple[str, str], Any] | None = None) -> None:
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}
        self.names: dict[tuple[str, str], Any] = names if names is not None else _TENSOR_NAMES

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.names:
            raise ValueError(f"it asks for {module}.{name}, which is no part of a tensor")
        return self.names[module, name]

    def persistent_load(self, reference: tuple) -> _Storage:
        word, kind, key, _, count, *_ = reference
        if word != "storage" or kind not in _TYPES.values():
            raise ValueError("it refers to something that is no storage of numbers")
        return self.storages.setdefault(key, _Storage(kind, count))

    def fill(self, key: str, file: BinaryIO) -> None:
        """Read the numbers of storage `key`, the next in the file."""
        storage = self.storages[key]
        if int.from_bytes(file.read(8), "little") != storage.count:
            raise ValueError("its storages are not as long as it says")
        content = file.read(storage.count * storage.kind.itemsize)
        if len(content) != storage.count * storage.kind.itemsize:
            raise ValueError("it is cut off")
        storage.numbers = np.frombuffer(content, storage.kind)
