"""Figures, tables and templates of the report, from the files that evaluation wrote.

May import `core`; reads results as files, not as objects of `evaluation`.
"""
