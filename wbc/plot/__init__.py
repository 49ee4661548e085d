"""Figures, heat maps, and the report."""
