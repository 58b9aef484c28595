"""Keeps pytest from importing what needs PyTorch."""

collect_ignore = ["make_golden.py"]
