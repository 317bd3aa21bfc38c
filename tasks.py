"""What can be run: ``invoke --list``. The stages and verbs themselves are in the folder ``tasks`` beside this file.

Python would let this file hide that folder. It becomes the folder's package instead: ``tasks.database`` is
``tasks/database.py``, and both Invoke's loader and ``import tasks`` find the collection here.
"""

import sys
from pathlib import Path

# Invoke has nobody keep what is compiled; each command would compile this program anew.
sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)
__path__ = [str(Path(__file__).with_name("tasks"))]

from invoke import Collection  # the package must have its path first

from metaflow_anywhere import environment, terminal
from metaflow_anywhere.graph import face
from tasks import client, daily, database, doctor, edge, keep, prepare, quality, services, state

VERBS = [
    daily.up, daily.down, daily.restart, daily.status, daily.logs,
    client.env, client.run, client.hello, client.open, client.configure,
    keep.snapshot, keep.snapshots, keep.snapshot_verify, keep.snapshot_delete,
    keep.export, keep.import_,
    doctor.doctor, database.psql, daily.graph, doctor.settings, client.uninstall, quality.test,
]  # fmt: skip
STAGES = [
    prepare.fetch_udocker, prepare.pull_images, database.restore_snapshot, database.init_schema, database.start_db,
    services.start_service, services.start_ui, edge.proxy, state.sync, edge.tunnel,
]  # fmt: skip

environment.leave_shell_behind()
terminal.replace_what_cannot_be_shown()
face.list_in_order([task.name for task in [*VERBS, *STAGES]])
face.allow_optional_positionals()
face.keep_options_apart_from_values()
face.list_without_a_task()
face.tell_what_may_have_been_meant()
face.end_when_the_reader_is_gone()
face.explain_bad_yaml()
face.run_stages_in_any_case()
namespace = Collection(*VERBS, *STAGES)
