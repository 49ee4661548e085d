"""Images as they are delivered: archives, class folders, Kaggle, decoding, and the manifest of what came.

May import `core`.
"""
