"""Pickles of strangers turned into text and JSON, in processes that could do no harm even if a pickle's code ran.

Imports the standard library only: it runs in an isolated interpreter that finds nothing else.
"""
