"""The state in root: brought here before the database starts, kept up to date while it runs, completed at its end.

What only work needs is imported where it works: most `up` find nothing to do.
"""

from __future__ import annotations

import atexit
import contextlib
import shutil
import stat
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.far.reach import reach_of
from metaflow_anywhere.graph import Progress, Verdict, needed, not_needed, satisfied
from metaflow_anywhere.graph.stage import Finding
from metaflow_anywhere.hints import again, command
from metaflow_anywhere.later import psycopg
from metaflow_anywhere.postgres.cluster import SUPERUSER
from metaflow_anywhere.postgres.sessions import guarded
from metaflow_anywhere.stack.cards import join_cards
from metaflow_anywhere.stack.claiming import Claiming
from metaflow_anywhere.stack.passwords import DATABASE
from metaflow_anywhere.stack.questions import files_problem
from metaflow_anywhere.stack.stack import MIRROR, Stack
from metaflow_anywhere.stack.stages.base import StackStage
from metaflow_anywhere.stack.stages.early import ImportingStage
from metaflow_anywhere.stack.supervision import Program
from metaflow_anywhere.state.drive import Drive, DriveError
from metaflow_anywhere.state.far_drive import FarDrive
from metaflow_anywhere.state.life import read_life
from metaflow_anywhere.state.looking import look
from metaflow_anywhere.state.memory import write_memory
from metaflow_anywhere.state.standing import read_standing
from metaflow_anywhere.state.tree import listed
from metaflow_anywhere.state.verdict import Choice, Kind, Memory, Sign, Situation

if TYPE_CHECKING:
    from metaflow_anywhere.state.filling import Filling
    from metaflow_anywhere.state.restore import Report, Wanted

SYNC_SECONDS = 900.0  # for the first base on a drive that takes two seconds for each operation
DEGRADED_SECONDS = 8.0  # how long `up` waits for a drive that fails to come to its senses
RESTORE_SECONDS = 3600.0
LOCAL = ".metaflow"
NO_FLOWS = (LOCAL, "mf.cards", ".arriving")
REWRITTEN = ("latest_run",)  # a number in a file, which mostly has as many digits as the one before
AS_EVER = Choice()  # the user decided nothing


@dataclass
class RestoreSnapshot(StackStage):
    """The newest database, from the mirror, where this machine has none or an older one.

    ``wanted`` is another state that the user asks for; ``replace`` that the database here be put aside for it;
    ``dry_run`` that nothing be changed; ``accept_loss`` that less be restored than there was; ``choice`` is what the
    user decided where there is more than one database to go on with, or none that is all there.
    """

    limit: float = RESTORE_SECONDS
    wanted: Wanted | None = None
    replace: bool = False
    dry_run: bool = False
    accept_loss: bool = False
    choice: Choice = AS_EVER
    _looked: Situation | None = None  # what `check` saw

    @property
    def log(self) -> Path:
        """What PostgreSQL said while it replayed the log."""
        return self.stack.log("restore-snapshot")

    def check(self) -> Verdict:
        """Compare the local database with the mirror."""
        if self.wanted or self.replace or self.dry_run:
            return needed("it was asked for")
        try:
            found = self._looked = self._situation()
        except DriveError as error:
            return needed(str(error))
        if found.kind is Kind.FRESH:
            return not_needed("a new one is begun, as was asked for" if found.found else "no earlier state in root")
        if found.kind is not Kind.CURRENT:
            return needed(found.kind.value)
        if self._lacks_files():
            return needed(f"{self.stack.datastore_copy} has what {self.stack.settings.datastore_dir} has not")
        return satisfied(f"the newest database is in {self.stack.settings.pgdata_dir}")

    def work(self, progress: Progress) -> str:
        """Restore what is wanted, or the newest state; never over a database that may be newer."""
        from metaflow_anywhere.state.restore import Wanted, plan

        if not (self.wanted or self.replace or self.dry_run):
            self._refuse_early()
        with self.stack.exclusive():
            wanted = replace(self.wanted or Wanted(), accept_loss=self.accept_loss, memory=self.stack.memory)
            try:
                if self.dry_run:
                    planned = plan(self.stack.drive, wanted)
                    for line in planned.lines:
                        progress.tell(line)
                    if planned.refusal:
                        raise planned.refusal
                    return "nothing was changed"
                found = self._situation()
                self._require_room(found, progress)
                if not self.wanted and not self.replace and not found.wants_restore:
                    return self._fill(progress)
                with self.stack.turn.take("a restore", progress.say):
                    report = self._restore(wanted, progress)
            except DriveError as error:
                raise AnywhereError(error.title, why=str(error), run=command("doctor")) from error
        for line in report.lines[1:]:
            progress.tell(line)
        return report.summary

    def _refuse_early(self) -> None:
        """Raise AnywhereError before anything is made in a root that may be the empty place of another."""
        with contextlib.suppress(DriveError):
            if refusal := (self._looked or self._situation()).refusal:
                raise refusal

    def _require_room(self, found: Situation, progress: Progress) -> None:
        """Raise AnywhereError where restoring would put a database aside that nobody asked to replace."""
        settings = self.stack.settings
        kind = found.kind
        asked = self.wanted is not None or self.replace
        if asked and (self.stack.supervisor.alive() or (self.stack.data_exists and self.stack.cluster.server_pid())):
            raise AnywhereError(
                "the stack is up", why="its database cannot be replaced while it runs", run=command("down")
            )
        if kind is Kind.STRANGER and not self.replace:
            raise AnywhereError(
                f"the mirror in {settings.root / MIRROR} belongs to another database than {settings.pgdata_dir}",
                why="restoring would put the one here aside, and going on without would hide the one in the mirror",
                run=f"{command('restore-snapshot', replace=True)}   (to keep the one here, move the mirror away)",
            )
        if kind is Kind.CURRENT and asked and not self.replace:
            raise AnywhereError(
                f"the database in {settings.pgdata_dir} is newer than what would be restored",
                why="it is never deleted: with --replace it is moved aside",
                run=again("--replace"),
            )
        if found.refusal and not asked:
            raise found.refusal
        if kind in (Kind.OLDER, Kind.BEHIND):
            self.stack.supervisor.shut_down(progress)
            self.stack.cluster.stop()

    def _restore(self, wanted: Wanted, progress: Progress) -> Report:
        from metaflow_anywhere.state.restore import restore

        stack = self.stack
        report = restore(
            stack.programs_of_postgres, stack.drive, stack.settings.pgdata_dir, wanted, say=progress.say,
            log_file=self.log, skip=self._skip_numbers,
        )  # fmt: skip
        shutil.rmtree(stack.settings.client_cache, ignore_errors=True)  # it may know runs that are gone now
        self._fill(progress)
        return report

    def _skip_numbers(self, conninfo: str) -> None:
        from metaflow_anywhere.database.numbers import skip_numbers

        stack = self.stack
        places = {stack.settings.datastore_dir, stack.datastore_copy}
        with psycopg.connect(guarded(conninfo, dbname=DATABASE), autocommit=True) as connection:
            skip_numbers(connection, places, stack.far)

    def _situation(self) -> Situation:
        stack = self.stack
        cluster = stack.cluster if stack.data_exists else None
        return look(
            stack.drive, stack.settings.pgdata_dir, cluster=cluster, memory=stack.memory, choice=self.choice,
            others=() if cluster else stack.far(signs_of_runs, stack.datastore_copy),
        )  # fmt: skip

    def _lacks_files(self) -> bool:
        """Whether artifacts are in root, and not where they are read from."""
        return self.stack.datastore_is_elsewhere and filling(self.stack).is_wanted()

    def _fill(self, progress: Progress) -> str:
        """Bring the files here that were written outside of root, by this machine or another."""
        if not self._lacks_files():
            return "nothing to bring here"
        one = filling(self.stack)
        progress.say(f"comparing {one.target} with {one.source}")
        count = one.fill(progress.say)
        self.stack.far(join_cards, one.target)
        return f"brought {count:,} files from {one.source} to {one.target}"

    def undo(self, progress: Progress) -> str | None:
        """The database's files are what ``down`` must keep."""
        return f"kept: {self.stack.settings.pgdata_dir}" if self.stack.data_exists else None


def filling(stack: Stack) -> Filling:
    """The way back of the files that are written outside of root; it is another machine's turn, and then ours again, as
    the incarnations follow each other."""
    from metaflow_anywhere.state.filling import Filling

    life = read_life(stack.settings.pgdata_dir) if stack.data_exists else None
    turn = str(life.incarnation.name) if life else ""
    return Filling(stack.datastore_copy, stack.settings.datastore_dir, turn, REWRITTEN, stack.reach)


def signs_of_runs(datastore: Path) -> tuple[Sign, ...]:
    """What is in a datastore in root was written under a database: a sign of it, should its mirror not be there."""
    found = {name: kind for place in (datastore, datastore / LOCAL) for name, kind in listed(place).items()}
    flows = sorted(name for name, kind in found.items() if stat.S_ISDIR(kind.st_mode) and name not in NO_FLOWS)
    return (Sign(str(datastore), f"artifacts of earlier runs, of the flow {flows[0]} for one"),) if flows else ()


def moment(text: str) -> float:
    """Epoch seconds of a date and time as people write it, in this machine's time zone unless it names another.

    Raises AnywhereError.
    """
    import datetime

    try:
        return datetime.datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise AnywhereError(
            f"'{text}' is not a moment", run=command("restore-snapshot", at="2026-11-22 14:05")
        ) from None


def mirror_of(root: str) -> Drive:
    """The mirror in another root. Raises AnywhereError if there is none."""
    folder = Path(root).expanduser() / MIRROR
    drive = FarDrive(folder, reach_of(folder.parent))
    try:
        there = drive.is_there()
    except DriveError as error:
        raise AnywhereError(f"no mirror can be read in {root}", why=str(error)) from error
    if not there:
        raise AnywhereError(f"no mirror in {root}", why=f"{folder} is not a folder")
    return drive


@dataclass
class Sync(ImportingStage):
    """The mirror of the database inside root; ``choice`` is what the user decided about it."""

    limit: float = SYNC_SECONDS
    choice: Choice = AS_EVER
    program_name = "sync"
    _mutex: threading.Lock = field(default_factory=threading.Lock)
    _too_late: bool = False  # to begin

    def __post_init__(self) -> None:
        self._claiming = Claiming(self.stack.folder)

    def begin(self) -> None:
        """Start it, if it may begin; it waits for our claim, without which it could take the mirror for its own."""
        with self._mutex:
            if self._too_late or not self.may_begin():
                return
            self.stack.make_machine_folders()
            if self._claiming.hold():
                atexit.register(self._end_waiting)
                self.start_early()

    def _end_waiting(self) -> None:
        """End the program that waits for a claim which does not come."""
        if self._claiming.held:
            self.stack.supervisor.stop(self.program_name)
            self._claiming.release()

    def program(self) -> Program:
        """The mirror's program."""
        return self.stack.sync_program()

    def check(self) -> Verdict:
        """As of every program; histories beside the newest state are named each time."""
        with self._mutex:
            if self._claiming.held:
                return needed("it waits for the database")
        found = super().check()
        standing = read_standing(self.stack.standing_file)
        if found.finding is not Finding.SATISFIED or standing is None or not standing.aside:
            return found
        return satisfied("; ".join([found.why, *standing.aside]))

    def precede(self, progress: Progress) -> None:
        """Make the database the mirror's newest incarnation, which it stays until another machine takes over.

        The other stages go on meanwhile: on a slow drive this takes minutes.
        """
        with self._mutex:
            self._too_late = True
        try:
            self._claim(progress)
            self._claiming.release()
        finally:
            self._end_waiting()

    def _claim(self, progress: Progress) -> None:
        from metaflow_anywhere.state.aside import aside_of
        from metaflow_anywhere.state.catalogue import Catalogue
        from metaflow_anywhere.state.claim import claim, holds
        from metaflow_anywhere.state.server import Server, ServerGone

        self.stack.cluster.own_top_files()
        info, standing = self.stack.supervisor.info(self.program_name), read_standing(self.stack.standing_file)
        fenced = standing is not None and standing.state == "fenced"
        if info and info.running and not self._claiming.held:
            try:
                mine = not fenced and holds(self.stack.drive, self.stack.settings.pgdata_dir)
            except DriveError as error:
                raise AnywhereError(error.title, why=str(error), run=command("doctor")) from error
            if mine:  # and its turn may last: it may be taking a base
                return
            self.stack.supervisor.stop(self.program_name)  # it would take our own claim for another machine's
        self.stack.standing_file.unlink(missing_ok=True)
        server = Server(self.stack.conninfo(SUPERUSER, "postgres"))
        try:
            stack, account = self.stack, self.stack.cluster.programs.account
            data, memory = stack.settings.pgdata_dir, stack.memory
            with stack.turn.take("a claim on the mirror", progress.say):
                one = claim(stack.drive, server, data, account, choice=self.choice, memory=memory)
            if stack.datastore_is_elsewhere:
                filling(stack).settle()  # it was compared before the database was started
            if memory is None or memory.incarnation != one.name:
                write_memory(stack.memory_file, Memory(one.name, one.start, time.time()))
            for other in aside_of(Catalogue(stack.drive), one):
                progress.tell(str(other))
        except DriveError as error:
            raise AnywhereError(error.title, why=str(error), run=command("doctor")) from error
        except ServerGone as gone:
            raise AnywhereError("the database does not answer", why=str(gone), run=command("start-db")) from gone
        finally:
            server.close()

    def await_answer(self, progress: Progress) -> str:
        """Wait for the first base and the last commit; not for long if the drive fails."""
        progress.say("waiting for the first base and the last commit")
        return super().await_answer(progress)

    def give_up(self) -> str:
        """Why waiting is of no use: the drive fails, or another machine took over."""
        now = read_standing(self.stack.standing_file)
        if now is None or not now.alive or now.state == "behind":  # a slow drive gets there
            return ""
        why = now.problem or now.base_problem or files_problem(now)
        return why if now.state == "fenced" or now.beat - now.since > DEGRADED_SECONDS else ""


__all__ = ["RestoreSnapshot", "Sync", "mirror_of", "moment"]
