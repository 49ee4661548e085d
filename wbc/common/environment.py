"""Correction of inherited settings that would change a result or end the process, before a library reads them.

`wbc.common.errors` imports this module, so every script does before matplotlib, Keras, TensorFlow or OpenVINO.
"""

import os
import sys
import warnings

# Notebooks set a backend that matplotlib, and so Keras, can't import outside the notebook.
os.environ["MPLBACKEND"] = "agg"
# The user's settings of libraries that would then compute or draw differently, or fail to import.
INHERITED = (
    *("MATPLOTLIBRC", "TF_USE_LEGACY_KERAS", "TF_XLA_FLAGS", "XLA_FLAGS", "NVIDIA_TF32_OVERRIDE"),
    *("TF_CONV2D_USE_FP16_ACCUMULATE", "TF_SET_ONEDNN_FPMATH_MODE"),
    # oneDNN, inside OpenVINO and TensorFlow: sums in bfloat16 or by other kernels. Each setting has two prefixes.
    *(f"{prefix}_{name}" for prefix in ("ONEDNN", "DNNL") for name in ("DEFAULT_FPMATH_MODE", "CPU_ISA_HINTS")),
    *("DNNL_MAX_CPU_ISA", "KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH", "KERAS_NNX_ENABLED"),
)
for name in INHERITED:
    os.environ.pop(name, None)
# Libraries warn during import, which PYTHONWARNINGS=error would turn into errors. Under pytest, pytest decides.
if any(option.startswith("error") for option in sys.warnoptions) and "pytest" not in sys.modules:
    kept = [entry for entry in warnings.filters if entry[0] != "error"]
    warnings.filters[:] = kept  # type: ignore[index]  # declared immutable; it is a list
    os.environ.pop("PYTHONWARNINGS", None)
