"""Drawn cells: the data set of the default run."""
