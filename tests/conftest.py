"""Which tests are slow: those of the pipeline, of real images, and those that load TensorFlow, OpenVINO or Dask."""

from pathlib import Path

import pytest

from tools.code_dependencies import ROOT, code_of

HEAVY = {"wbc/models/tensorflow_setup.py", "wbc/features/engines.py", "wbc/features/executors.py"}
SEARCH = {"wbc/grouping/registration.py"}  # minutes of comparing pairs of images


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the slow tests, by what their module imports and where it stands."""
    for item in items:
        module = Path(item.path).relative_to(ROOT).as_posix()
        if module.startswith("tests/pipeline/") or (HEAVY | SEARCH) & set(code_of(module)):
            item.add_marker("slow")
