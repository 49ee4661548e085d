"""The drawn cells that stand in for photographs where there is no network.

May import `core`.
"""
