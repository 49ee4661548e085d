"""Copies of the project in which DVC runs experiments."""

from pathlib import Path


def copy_advice(path: str) -> str:
    """Return why a path isn't as the user has it where DVC runs an experiment in a copy of the project; else "".

    `dvc exp run --queue` and `--temp` copy what Git and DVC know to a folder in .dvc/tmp/exps/.

    Args:
        path: as params.yaml names it; an absolute one is the same everywhere.
    """
    here = Path.cwd().parts
    is_copy = any(here[start : start + 3] == (".dvc", "tmp", "exps") for start in range(len(here)))
    if not is_copy or Path(path).is_absolute():
        return ""
    return (
        " `--queue` and `--temp` run in a copy of the project that holds what Git and DVC know: name the images by an "
        "absolute path, or put their zip under DVC's care by `dvc add` first."
    )
