"""Errors that end a command in a line or two instead of a traceback."""


class UserError(Exception):
    """What was asked for cannot be done, or was not; the message says what, where and how to mend it."""
