"""Order, parallelism, skipping and display of stages. Knows nothing of Metaflow, PostgreSQL or hosts."""

from metaflow_anywhere.graph.executor import GraphExecutor
from metaflow_anywhere.graph.model import Graph, GraphError
from metaflow_anywhere.graph.progress import NotYet, Progress, Stopped, wait_until
from metaflow_anywhere.graph.stage import Stage, Verdict, needed, not_needed, satisfied
from metaflow_anywhere.graph.tasks import Goal, StageTask, goal, stage

__all__ = [
    "Goal",
    "Graph",
    "GraphError",
    "GraphExecutor",
    "NotYet",
    "Progress",
    "Stage",
    "StageTask",
    "Stopped",
    "Verdict",
    "goal",
    "needed",
    "not_needed",
    "satisfied",
    "stage",
    "wait_until",
]
