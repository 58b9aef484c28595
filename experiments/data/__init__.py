"""Data sets as uint8 arrays in memory: a file a data set, with the readers and the download they share.

Nothing here knows of configs, batches or networks, and nothing is converted to floats.
"""
