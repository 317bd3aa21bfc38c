"""Places that may hang, such as a mounted drive: what touches them has a time limit, and never takes its caller along.

A thread that waits for a drive cannot be ended, not even with its process. So such work is done by processes of its own
(``hand``), which their master (``reach``) leaves behind when they do not come back.
"""
