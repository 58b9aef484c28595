"""Measuring the core's speed, one idea a file. Nothing here decides a result of the runner."""
