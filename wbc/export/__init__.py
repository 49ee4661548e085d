"""Calibration, prediction sets, out-of-distribution scores, and the files of the deployed classifier."""
