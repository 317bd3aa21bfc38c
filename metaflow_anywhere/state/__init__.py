"""State that survives the machine: the mirror of a PostgreSQL cluster in a plain folder, and its way back.

Knows PostgreSQL and folders that lose, delay and reorder what is written to them; knows nothing of Metaflow, of stages
or of the supervisor.
"""
