"""Files that somebody put among the images which `fetch` delivered: they are kept, not deleted with the old images."""

import csv
import os
from collections.abc import Iterator
from pathlib import Path

from wbc.common.files import sha256
from wbc.fetch.class_folders import litter, printable


def set_aside(raw: Path, manifest: Path, aside: Path) -> str | None:
    """Move the files below `raw` that are not as `manifest` lists them to a new folder in `aside`.

    Args:
        raw: folder of class folders, soon to be replaced; it need not exist.
        manifest: CSV with the columns path and sha256, of what was delivered; without it, all files are moved.
        aside: folder of such folders, numbered from 1.

    Returns:
        A sentence that says what was moved where, or None where there was nothing.
    """
    delivered = _delivered(manifest)
    found = [path for path in _files(raw) if not (path in delivered and sha256(raw / path) == delivered[path])]
    if not found:
        return None
    numbers = [int(folder.name) for folder in aside.glob("*") if folder.name.isdecimal()]
    folder = aside / str(1 + max(numbers, default=0))
    for path in found:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (raw / path).rename(folder / path)
    return (
        f"note: {raw} held {len(found):,} files that no run put there, or that were changed, such as "
        f"{printable(found[0])}. They are in {folder} now."
    )


def _delivered(manifest: Path) -> dict[str, str]:
    """Return the SHA-256 of each path that a manifest lists; nothing of one that is missing or damaged."""
    try:
        with manifest.open(encoding="utf-8", newline="") as file:
            return {row["path"]: row["sha256"] for row in csv.DictReader(file)}
    except (FileNotFoundError, UnicodeDecodeError, csv.Error, KeyError):
        return {}


def _files(folder: Path) -> Iterator[str]:
    """Yield the files and links below a folder, as paths from there."""
    for root, directories, names in os.walk(folder):
        links = [name for name in directories if Path(root, name).is_symlink()]
        for name in sorted(names + links):
            path = Path(root, name).relative_to(folder).as_posix()
            if not litter(path):
                yield path
