"""``python -m metaflow_anywhere``: the command ``metaflow-anywhere``."""

from metaflow_anywhere.command import main

main()
