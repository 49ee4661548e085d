"""The library behind the stages: one room per concern, one idea per file.

Which room may import which stands in each room's docstring; tests/wbc/test_rooms.py holds them to it.
"""
