"""PostgreSQL without a container: its programs from the wheel, the account they run as, clusters made from a template.

Knows nothing of Metaflow, of stages or of the supervisor.
"""

from metaflow_anywhere.accounts import Account
from metaflow_anywhere.postgres.cluster import Cluster, ClusterError, files_are_ours
from metaflow_anywhere.postgres.programs import ProgramFailed, Programs, install, is_installed

__all__ = [
    "Account",
    "Cluster",
    "ClusterError",
    "ProgramFailed",
    "Programs",
    "files_are_ours",
    "install",
    "is_installed",
]
