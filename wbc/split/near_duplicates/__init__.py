"""The search for images that show one cell."""
