"""Which images show one cell: near-duplicates found from pixels alone.

May import `core` and `data`.
"""
