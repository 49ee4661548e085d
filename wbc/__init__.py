"""The library behind the stages: one room a concern, one idea a file.

Which room may import which stands in each room's docstring; tests/wbc/test_rooms.py holds them to it.
"""
