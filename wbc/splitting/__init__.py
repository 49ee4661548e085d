"""Train, valid and test parts, cross-validation folds, and the audit of what they hold.

Works on tables; opens no image. May import `core`.
"""
