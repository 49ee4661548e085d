"""Files and folders that a command line names to be written: looked at before the work, so that nothing is lost."""

from collections.abc import Collection
from pathlib import Path

from wbc.common.errors import UserError


def file_to_write(text: str, endings: Collection[str] = ()) -> Path:
    """Return the path of a file that may be written, or written over.

    Args:
        text: the path.
        endings: what its name may end in, such as ".csv"; none for anything.

    Raises:
        UserError: it is a folder, or its name ends in something else.
    """
    path = Path(text)
    if path.is_dir():
        raise UserError(f"{path} is a folder, and a file is to be written. Name one in it, such as {path / 'NAME'}.")
    if endings and path.suffix.lower() not in endings:
        raise UserError(f"{path} doesn't end in {' or '.join(endings)}, so the format is unknown.")
    return path


def folder_to_write(path: Path, names: Collection[str]) -> Path:
    """Return the path of a folder that may be written, or written over.

    Args:
        path: the folder.
        names: of all files that are written into it.

    Raises:
        UserError: it is a file, or a folder with other files in it, which would be gone.
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
