"""Settings that a process inherits and that would change a result or end it; put right before a library reads them.

Imported by `wbc.common.errors`, so by every script before matplotlib, Keras, TensorFlow or OpenVINO.
"""

import os
import sys
import warnings

# Notebooks set a backend of their own, which matplotlib, and so Keras, can't import elsewhere.
os.environ["MPLBACKEND"] = "agg"
# The user's own settings of libraries that would compute or draw otherwise, or refuse to be imported.
for name in ("MATPLOTLIBRC", "TF_USE_LEGACY_KERAS", "TF_XLA_FLAGS", "XLA_FLAGS", "NVIDIA_TF32_OVERRIDE"):
    os.environ.pop(name, None)
# Libraries warn while they are imported; PYTHONWARNINGS=error would make errors of that. Under pytest, pytest decides.
if any(option.startswith("error") for option in sys.warnoptions) and "pytest" not in sys.modules:
    kept = [entry for entry in warnings.filters if entry[0] != "error"]
    warnings.filters[:] = kept  # type: ignore[index]  # declared as what can't be changed; it is a list
    os.environ.pop("PYTHONWARNINGS", None)
