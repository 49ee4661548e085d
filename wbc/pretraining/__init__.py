"""The room of the second pipeline, which trains the backbone on blood cells.

It may import every other room. No room and no stage of the main pipeline may import it.
"""
