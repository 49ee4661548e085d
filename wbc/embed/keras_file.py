"""Keras model files whose bytes depend only on the model."""

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wbc.common.files import DATE, write_zip

if TYPE_CHECKING:
    from wbc.embed.tensorflow_setup import keras


def save(model: "keras.Model", path: Path | str, more: dict[str, bytes] | None = None) -> None:
    """Write `model` as a `.keras` file that `keras.models.load_model` opens, the same bytes for the same model.

    Keras writes the date of saving, zip times, and memory addresses (as ids of shared objects) into the file. These are
    replaced by a fixed date and a count.

    Args:
        model: a Keras model.
        path: file to write, ending in `.keras`.
        more: {name: bytes} of further members, which Keras ignores.
    """
    path = Path(path)
    model.save(path)
    with zipfile.ZipFile(path) as written:
        members = {name: written.read(name) for name in sorted(written.namelist())}
    members["metadata.json"] = _without_date(members["metadata.json"])
    members["config.json"] = _without_addresses(members["config.json"])
    members |= more or {}
    write_zip(path, members)


def _without_date(content: bytes) -> bytes:
    metadata = json.loads(content)
    metadata["date_saved"] = "{}-{:02}-{:02}@00:00:00".format(*DATE[:3])
    return json.dumps(metadata).encode()


def _without_addresses(content: bytes) -> bytes:
    """Replace the memory addresses of shared objects by their order of appearance."""
    numbers: dict[int, int] = {}

    def renumber(item: Any) -> None:
        if isinstance(item, dict):
            if "shared_object_id" in item:
                item["shared_object_id"] = numbers.setdefault(item["shared_object_id"], len(numbers) + 1)
            for value in item.values():
                renumber(value)
        elif isinstance(item, list):
            for value in item:
                renumber(value)

    config = json.loads(content)
    renumber(config)
    return json.dumps(config).encode()
