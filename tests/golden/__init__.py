"""Results of PyTorch, kept in files, so that the mathematics is held against them where PyTorch is not installed.

`python -m tests.golden.make_golden` makes the files anew; a test in tests/parity holds that they are what it makes.
"""
