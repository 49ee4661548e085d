"""Settings that a process inherits and that would change a result or end it; put right before a library reads them.

Imported by `wbc.common.errors`, so by every script before matplotlib, Keras, TensorFlow or OpenVINO.
"""

import os
import sys
import warnings

# Notebooks set a backend of their own, which matplotlib, and so Keras, can't import elsewhere.
os.environ["MPLBACKEND"] = "agg"
# The user's own settings of libraries that would compute or draw otherwise, or refuse to be imported.
INHERITED = (
    *("MATPLOTLIBRC", "TF_USE_LEGACY_KERAS", "TF_XLA_FLAGS", "XLA_FLAGS", "NVIDIA_TF32_OVERRIDE"),
    *("TF_CONV2D_USE_FP16_ACCUMULATE", "TF_SET_ONEDNN_FPMATH_MODE"),
    # oneDNN, inside OpenVINO and TensorFlow: sums in bfloat16, or by other kernels. Each has two prefixes.
    *(f"{prefix}_{name}" for prefix in ("ONEDNN", "DNNL") for name in ("DEFAULT_FPMATH_MODE", "CPU_ISA_HINTS")),
    *("DNNL_MAX_CPU_ISA", "KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH", "KERAS_NNX_ENABLED"),
)
for name in INHERITED:
    os.environ.pop(name, None)
# Libraries warn while they are imported; PYTHONWARNINGS=error would make errors of that. Under pytest, pytest decides.
if any(option.startswith("error") for option in sys.warnoptions) and "pytest" not in sys.modules:
    kept = [entry for entry in warnings.filters if entry[0] != "error"]
    warnings.filters[:] = kept  # type: ignore[index]  # declared as what can't be changed; it is a list
    os.environ.pop("PYTHONWARNINGS", None)
