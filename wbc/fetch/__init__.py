"""Images from class folders, zips, Kaggle or the built-in drawing program, checked and listed."""
