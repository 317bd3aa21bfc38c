"""pyinotify, where the system has it. What it uses of Python is deprecated, which is no word for our users."""

import warnings

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pyinotify
except ImportError:  # not on this system
    pyinotify = None

__all__ = ["pyinotify"]
