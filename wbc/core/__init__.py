"""What every room needs: parameters, errors, files, locks, progress, prefetching, protocols and tables.

Nothing here knows cells, images or models. Imports nothing of the other rooms.
"""
