"""What a shell or a notebook has set for itself ends no script and changes no result."""

import os
import subprocess
import sys

import pytest

from tests.imports import ROOT

pytestmark = pytest.mark.slow


def test_settings_that_imported_libraries_would_stumble_over(tmp_path):
    inherited = {
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MATPLOTLIBRC": str(tmp_path / "none"),
        "TF_USE_LEGACY_KERAS": "1",
        "XLA_FLAGS": "--no_such_flag",
        "PYTHONWARNINGS": "error",
        "PYTHONPATH": str(ROOT),
    }
    script = (
        "import wbc.common.errors, matplotlib.pyplot as plt, warnings; plt.figure(); warnings.warn('only a warning'); "
        "from wbc.embed.tensorflow_setup import keras; print(plt.get_backend(), keras.__version__[0])"
    )
    command = [sys.executable, "-c", script]
    ended = subprocess.run(command, env=os.environ | inherited, cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split() == ["agg", "3"]
