"""Parameters, errors, files, image decoding and progress: what several rooms use."""
