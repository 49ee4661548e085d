"""Modules that several rooms use: parameters, errors, files, image decoding and progress."""
