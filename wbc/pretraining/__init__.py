"""What only the second pipeline needs, which trains the backbone on blood cells.

May import every other room; no room and no stage of the main pipeline may import it.
"""
