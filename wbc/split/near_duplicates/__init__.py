"""Search for images that show one cell."""
