"""Order, parallelism, skipping and display of stages. Knows nothing of Metaflow, PostgreSQL or hosts.

What joins stages to Invoke is imported from ``executor``, ``tasks`` and ``face`` by the command line alone: the
stack's own programs use the rest, and should not start by importing Invoke.
"""

from metaflow_anywhere.graph.model import Graph, GraphError
from metaflow_anywhere.graph.progress import NotYet, Progress, Stopped, wait_until
from metaflow_anywhere.graph.stage import Stage, Verdict, needed, not_needed, satisfied

__all__ = [
    "Graph",
    "GraphError",
    "NotYet",
    "Progress",
    "Stage",
    "Stopped",
    "Verdict",
    "needed",
    "not_needed",
    "satisfied",
    "wait_until",
]
