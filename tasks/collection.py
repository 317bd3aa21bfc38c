"""Every verb and stage, in the order in which ``--list`` shows them: what ``invoke``, ``fab`` and our own command run.

The folder is the package ``tasks`` in a checkout and ``metaflow_anywhere.tasks`` in a wheel: its modules import each
other relatively.
"""

from __future__ import annotations

from invoke import Collection

from metaflow_anywhere import environment, terminal
from metaflow_anywhere.graph import face

from . import client, daily, database, doctor, edge, keep, prepare, quality, services, state

VERBS = [
    daily.up, daily.down, daily.restart, daily.status, daily.logs,
    client.env, client.run, client.hello, client.open, client.configure,
    keep.snapshot, keep.snapshots, keep.snapshot_verify, keep.snapshot_delete,
    keep.export, keep.import_,
    doctor.doctor, database.psql, daily.graph, doctor.settings, client.uninstall,
    *([quality.lint, quality.unit, quality.test] if quality.IN_CHECKOUT else []),
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
