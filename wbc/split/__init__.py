"""Groups of images that belong together, train, valid and test parts, and cross-validation folds."""
