"""Zip files, and NumPy's `.npz`, whose bytes depend on nothing but what is in them.

`numpy.savez` and Python's `zipfile` write times, the system, and headers that changed between releases of Python 3.11.
"""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can hold
UNIX = 3  # what a zip says of the system that wrote it


def write_zip(path: Path, members: Mapping[str, bytes]) -> None:
    """Write `members`, by their names and in their order, uncompressed."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as written:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, DATE)
            info.create_system = UNIX
            written.writestr(info, content)


def write_npz(path: Path, arrays: Mapping[str, npt.NDArray]) -> None:
    """Write `arrays`, by their names and in their order, as `numpy.load` reads them; no Python objects.

    Raises:
        ValueError: an array holds Python objects.
    """
    members = {}
    for name, array in arrays.items():
        file = io.BytesIO()
        np.lib.format.write_array(file, array, allow_pickle=False)
        members[f"{name}.npy"] = file.getvalue()
    write_zip(path, members)
