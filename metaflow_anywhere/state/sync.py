"""The program that keeps a mirror: ships the log within half a second, takes bases, merges, gives up what is old.

It stops everything when another machine takes over. Only this program writes to the drive while the database runs.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Callable

from metaflow_anywhere.hints import command
from metaflow_anywhere.postgres import ProgramFailed
from metaflow_anywhere.state.aside import aside_of
from metaflow_anywhere.state.base_keeper import BaseKeeper
from metaflow_anywhere.state.catalogue import Catalogue, Incarnation
from metaflow_anywhere.state.documents import sealed
from metaflow_anywhere.state.drive import DriveError
from metaflow_anywhere.state.dumps import dump_database, dumps, publish_dump
from metaflow_anywhere.state.ending import flush, is_stopping, shipped_end
from metaflow_anywhere.state.layout import FENCED, WalName
from metaflow_anywhere.state.lease import Fenced, Lease, LeaseWatch
from metaflow_anywhere.state.marks import mark_opened
from metaflow_anywhere.state.pace import Mirrored, Pace
from metaflow_anywhere.state.retention import Retention
from metaflow_anywhere.state.scrub import Scrub
from metaflow_anywhere.state.server import Server, ServerGone
from metaflow_anywhere.state.shipping import MIB, LogGone, Shipper
from metaflow_anywhere.state.standing import HEARTBEAT_SECONDS, LATE_SECONDS, Reporter
from metaflow_anywhere.state.turn import own_stage
from metaflow_anywhere.state.watching import Ending, Watch

MOST_ASIDE = 5  # told one by one
MERGE_BYTES = 64 * MIB  # of log that is held back for merging: four times what a merged range can hold
STOP_BEGINS_SECONDS = 2.0  # how long after a machine's goodbye the database may take to begin its own
STOP_SECONDS = 8.0  # a machine that goes away gives about ten
ENOUGH_BYTES = 64 << 10  # what came meanwhile can wait for the next tick, or each commit would become a file
KEEP_QUIET_SECONDS = 0.05  # the pause before a ship, so that a burst of small commits goes as one file


class Sync:
    """Mirrors one incarnation until it is asked to end. ``on_fenced`` must stop the database and return soon."""

    def __init__(
        self, mirrored: Mirrored, one: Incarnation, reporter: Reporter, on_fenced: Callable[[Fenced], None],
        pace: Pace | None = None, log: Callable[[str], None] = print,
    ) -> None:  # fmt: skip
        self.mirrored, self.one, self.reporter = mirrored, one, reporter
        self.drive, self.cluster = mirrored.drive, mirrored.cluster
        self.on_fenced, self.pace, self.log = on_fenced, pace or Pace(), log
        self.server = Server(mirrored.conninfo)
        self.ending = Ending()
        self._attention = threading.Event()  # set when waiting for the next tick would be wrong
        self.shipper: Shipper | None = None
        self.fenced: Fenced | None = None
        self._settled = False
        self._slot = 0
        self._merge_floor: int | None = None
        self._failing_since: float | None = None
        self._watch = Watch(self.cluster.data / "pg_wal")
        self._retention = Retention(self.pace.grace)
        self._bases = BaseKeeper(mirrored, one, reporter, self.pace, log)

    # ---- the program

    def run(self) -> None:
        """Mirror until ``end`` is called, then flush what can be flushed. Never raises for a bad drive or database."""
        threads = [
            threading.Thread(target=self._watch_lease, daemon=True),
            threading.Thread(target=self._keep_house, daemon=True),
            threading.Thread(target=self._keep_bases, daemon=True),
            threading.Thread(target=self._keep_scrubbing, daemon=True),
            threading.Thread(target=self._keep_beating, daemon=True),
        ]
        for thread in threads:
            thread.start()
        failures = 0
        while not self.ending.asked.is_set() and self.fenced is None:
            began = time.monotonic()
            failures = 0 if self._step() else failures + 1
            self._idle(began, failures)
        if self.fenced is not None:
            self._obey(self.fenced)
            self.ending.asked.wait()
        else:
            self._finish()
        self.server.close()
        self._watch.close()
        self.reporter.tell(force=True, state="fenced" if self.fenced else "stopped")

    def _keep_beating(self) -> None:
        """Say that we are alive, also while a drive takes its time. Each operation on it has a limit of its own."""
        while not self.ending.asked.wait(HEARTBEAT_SECONDS):
            self.reporter.beat()

    def end(self, *, machine_goes: bool = False) -> None:
        """Ask for the end; may be called from a signal handler."""
        self.ending.ask(machine_goes=machine_goes)
        self._attention.set()
        self._watch.wake()

    def _idle(self, began: float, failures: int) -> None:
        """Wait for the next change, and then to the next tick; longer and longer while the drive fails."""
        pace = self.pace
        if failures:
            self._attention.wait(min(pace.tick * 2**failures, pace.longest_backoff))
            return
        self._watch.wait(pace.look if self._watch.has_events and self._settled else pace.tick)
        self._attention.wait(max(KEEP_QUIET_SECONDS, began + pace.tick - time.monotonic()))

    # ---- shipping

    def _step(self) -> bool:
        """Ship what there is; True if all went well."""
        try:
            self._ship()
        except ServerGone as gone:
            self.reporter.tell(state="waiting", problem=f"the database does not answer: {gone}")
            return True
        except DriveError as error:
            self._tell_failure(str(error))
            return False
        except LogGone as gone:
            self._bridge(gone)
            return False
        self._failing_since = None
        return True

    def _ship(self) -> None:
        shipper = self.shipper or self._begin()
        end = self.server.flushed()
        shipper.saw(end)
        waiting_since, enough = time.monotonic(), 0
        while end - shipper.position > enough and self.fenced is None:
            self.reporter.tell(behind_bytes=end - shipper.position, position=shipper.position)
            shipper.ship(end)
            self._release(shipper)  # also while there is always more: else the database keeps all of it
            self.reporter.tell(last_saved=time.time(), position=shipper.position, behind_bytes=end - shipper.position)
            end, enough = self.server.flushed(), 0 if self.ending.asked.is_set() else ENOUGH_BYTES
            if time.monotonic() - waiting_since > LATE_SECONDS and end - shipper.position > MIB:
                self.reporter.tell(state="behind", problem="the drive is slower than the database")
        self.drive.require(str(self.one.name))  # while nothing is written, nothing else would notice that it is gone
        self._settled = end == shipper.position and self.server.everything_is_flushed()
        self._release(shipper)
        self.reporter.count(self.drive.files_written, self.drive.bytes_written)
        hole = self._bases.hole
        self.reporter.tell(
            state="degraded" if hole else "current", problem=hole, behind_bytes=end - shipper.position,
            position=shipper.position,
        )  # fmt: skip
        self.reporter.beat()

    def _begin(self) -> Shipper:
        """Find out how far the mirror is, and have the database hold its log back from there on."""
        catalogue = Catalogue(self.drive)
        self.drive.clear_halves(str(self.one.name))
        self.drive.clear_halves(f"{self.one.name}/wal")
        bases = [base for folder in catalogue.base_folders(self.one) if (base := catalogue.base(folder))]
        mark_opened(self.drive, catalogue, self.one)
        position = shipped_end(catalogue, self.one)
        if self.server.slot_position() is None:
            self.server.make_slot()
        if bases:
            self._bases.tell(bases[0], len(bases))
        self.shipper = Shipper(self.drive, self.cluster.data, self.one, position, self.pace.merge_at)
        self.reporter.tell(incarnation=self.one.name.sequence, host=self.one.host)
        self.log(f"mirroring incarnation {self.one.name} to {self.drive.root}")
        return self.shipper

    def _release(self, shipper: Shipper) -> None:
        """Let the database drop log that nobody will read here any more; a segment at a time.

        A slot that the database gave up, since it had to hold back too much, is made anew at once. A merge may read old
        log, but never makes the database hold back much for it: the ranges that it would merge are on the drive.
        """
        held = self.server.slot_position()
        if held is None:
            position = self.server.make_slot()
            self.log("the database had given up holding back log for the mirror: it does so again, with a new base")
            self._bases.ask()
            if position > shipper.position:
                raise LogGone("log before the new replication slot")
            return
        merging = max(self._merge_floor or shipper.position, shipper.position - MERGE_BYTES)
        floor = self.one.segments.floor(min(shipper.wanted_from(), merging))
        if floor > max(self._slot, held):
            self.server.advance_slot(floor)
        self._slot = max(floor, held)

    def _bridge(self, gone: LogGone) -> None:
        """Go on after a hole in the log: only a new base can make up for it."""
        self.log(f"{gone}: it was thrown away before the drive could take it; going on from now, with a new base")
        with contextlib.suppress(ServerGone):
            position = self.one.segments.floor(self.server.make_slot())
            if self.shipper:
                self.shipper.skip_to(position)
            self._slot = 0
            self._bases.mend(position, "log was lost before the drive could take it: a new base is being taken")
            self.reporter.tell(state="degraded", problem=self._bases.hole)

    def _tell_failure(self, problem: str) -> None:
        if self._failing_since is None:
            self._failing_since = time.time()
            self.log(problem)
        behind = self.reporter.standing.behind_bytes
        with contextlib.suppress(ServerGone):
            if self.shipper:
                behind = self.server.flushed() - self.shipper.position
        self.reporter.tell(state="degraded", problem=problem, behind_bytes=behind)
        self.reporter.beat()

    # ---- the lease

    def _watch_lease(self) -> None:
        lease = LeaseWatch(self.drive, self.one.name)
        while not self.ending.asked.wait(self.pace.lease):
            try:
                lease.check()
            except Fenced as fenced:
                self.fenced = fenced
                self._attention.set()
                self._watch.wake()
                return
            except DriveError:
                continue  # told by whoever writes

    def _obey(self, fenced: Fenced) -> None:
        """Stop the database, then leave everything it had in this incarnation's own folder."""
        self.log(f"{fenced}: stopping the database")
        self.reporter.tell(state="fenced", problem=str(fenced))
        with contextlib.suppress(DriveError):
            self.drive.put(f"{self.one.name}/{FENCED}", sealed({"by": str(fenced.lease.holder), "time": time.time()}))
        self.server.close()
        self.on_fenced(fenced)
        self._flush()
        self.reporter.tell(force=True, state="fenced", problem=str(fenced))

    # ---- the end

    def _finish(self) -> None:
        """Ship what there is; if the database is being stopped as well, wait for its last word and ship that."""
        with contextlib.suppress(ServerGone, DriveError, LogGone):
            self._ship()
        self.server.close()  # or a polite shutdown would wait for us
        patience = time.monotonic() + (STOP_BEGINS_SECONDS if self.ending.machine_goes else 0)
        while not is_stopping(self.cluster):
            if time.monotonic() >= patience:
                return
            time.sleep(0.02)
        deadline = time.monotonic() + STOP_SECONDS
        while self.cluster.server_pid() is not None and time.monotonic() < deadline:
            time.sleep(0.02)
        self._flush()

    def _flush(self) -> None:
        try:
            done = flush(self.drive, self.cluster, self.one)
            if done:
                self.reporter.tell(behind_bytes=0, position=done.end)
            self.log("the mirror is complete" if done else "the database was not shut down: its log may go on")
        except (DriveError, LogGone) as error:
            self.log(f"the last of the log could not be written: {error}")

    # ---- bases, merging, giving up

    def _ended(self) -> bool:
        return self.ending.asked.is_set() or self.fenced is not None

    def _keep_bases(self) -> None:
        """Take bases, beside everything else: a large one takes long on a slow drive."""
        while not self.ending.asked.wait(self._bases.pause) and self.fenced is None:
            if self.shipper is not None and self._failing_since is None:
                self._bases.step(self.shipper.position)
                self._watch.wake()

    def _keep_scrubbing(self) -> None:
        scrub = Scrub(self.drive, self.one, self._bases, self.pace, self.log, self.ending.asked)
        pause = self.pace.first_scrub
        while not self.ending.asked.wait(pause) and self.fenced is None:
            pause = self.pace.scrub
            if self.shipper is not None and self._failing_since is None:
                with contextlib.suppress(DriveError):  # told by whoever writes
                    scrub.step(self.shipper.position)
                    self._watch.wake()

    def _keep_house(self) -> None:
        last_dump_look, told = -1e9, False
        began = last_upkeep = time.monotonic()
        while not self.ending.asked.wait(self.pace.tick) and self.fenced is None:
            now = time.monotonic()
            if self.shipper is None:
                continue
            try:
                if not told:
                    self._tell_aside(Catalogue(self.drive))
                    told = True
                if now - last_upkeep > self.pace.upkeep:
                    last_upkeep = now
                    with self.mirrored.turn.take_if_free("upkeep") as ours:
                        if ours:
                            self._upkeep()
                if now - began > self.pace.first_dump and now - last_dump_look > self.pace.upkeep:
                    with self.mirrored.turn.take_if_free("a dump") as ours:
                        if ours:
                            last_dump_look = now
                            self._dump()
            except (DriveError, ProgramFailed, LogGone, OSError) as error:
                self.log(f"upkeep: {error}")

    def _upkeep(self) -> None:
        assert self.shipper is not None
        catalogue = Catalogue(self.drive)
        present = catalogue.wal(self.one)
        self._require_own(present)
        self._tell_aside(catalogue)
        merged = self.shipper.merge(present)
        self._merge_floor = self.shipper.merge_floor([*present, merged] if merged else present)
        for name in self._retention.unneeded(catalogue, self.one):
            if self._ended():
                return
            self.drive.delete(name)
        for fault in catalogue.faults:
            self.log(f"damaged in the mirror: {fault}")

    def _tell_aside(self, catalogue: Catalogue) -> None:
        found = [str(one) for one in aside_of(catalogue, self.one)]
        more = [f"{len(found) - MOST_ASIDE:,} more, see: {command('snapshots')}"] if len(found) > MOST_ASIDE else []
        self.reporter.tell(aside=[*found[-MOST_ASIDE:], *more])

    def _require_own(self, present: list[WalName]) -> None:
        """Stop if the mirror has log of this very database that is newer than the database: it was set back."""
        assert self.shipper is not None
        newest = max((name.end for name in present if name.timeline == self.one.timeline), default=0)
        if newest > self.shipper.position and newest > self.server_position():
            self.fenced = Fenced(Lease(self.one.name, "a later state of this very database", 0.0))
            self._attention.set()
            self._watch.wake()

    def server_position(self) -> int:
        """Where the database's log ends now, by a connection of this thread's own."""
        server = Server(self.mirrored.conninfo)
        try:
            return server.flushed()
        except ServerGone:
            return 1 << 63  # not known: nothing follows from it
        finally:
            server.close()

    def _dump(self) -> None:
        """A logical dump, if the last one is old and anything was written since."""
        assert self.shipper is not None
        last = next(iter(dumps(self.drive)), None)
        if last and (time.time() - last.time < self.pace.dump or last.position == self.shipper.position):
            return
        position, file = self.shipper.position, own_stage(self.mirrored.stage / "dumps")
        dump_database(self.cluster.programs, self.mirrored.dump_conninfo, file)
        publish_dump(self.drive, file, position)
        shutil.rmtree(file.parent, ignore_errors=True)
