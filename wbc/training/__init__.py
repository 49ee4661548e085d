"""Fitting heads on features that lie ready, once or by cross-validation.

May import `core` and `models`.
"""
