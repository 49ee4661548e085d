"""Checks of a command's output paths, made before the work, so that no result is lost."""

from collections.abc import Collection
from pathlib import Path

from wbc.common.errors import UserError


def file_to_write(text: str, endings: Collection[str] = ()) -> Path:
    """Return the path of a file that may be written or overwritten.

    Args:
        text: the path.
        endings: that its name may have, such as ".csv"; none for any.

    Raises:
        UserError: it is a folder, or its name has another ending.
    """
    path = Path(text)
    if path.is_dir():
        raise UserError(f"{path} is a folder, and a file is to be written. Name one in it, such as {path / 'NAME'}.")
    if endings and path.suffix.lower() not in endings:
        raise UserError(f"{path} doesn't end in {' or '.join(endings)}, so the format is unknown.")
    return path


def folder_to_write(path: Path, names: Collection[str]) -> Path:
    """Return the path of a folder that may be written or overwritten.

    Args:
        path: the folder.
        names: of all files that will be written into it.

    Raises:
        UserError: it is a file, or a folder with other files, which would be lost.
    """
    if path.is_dir():
        others = sorted({file.name for file in path.iterdir()} - set(names))
        if others:
            raise UserError(
                f"{path} holds other files, such as {others[0]}, and would be replaced as a whole. Name a new one."
            )
    elif path.exists():
        raise UserError(f"{path} is a file, and a folder is to be written. Name another.")
    return path
