"""What follows from which signs: nothing new and empty over any sign, nothing said that is not known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from metaflow_anywhere.state.catalogue import Incarnation
from metaflow_anywhere.state.judgement import Level, judge
from metaflow_anywhere.state.layout import IncarnationName, plain
from metaflow_anywhere.state.lsn import Segments
from metaflow_anywhere.state.verdict import Choice, Kind, Local, Memory, Seen, Sign, stand
from metaflow_anywhere.state.ways import Log

FIRST, SECOND, OTHER = IncarnationName(1, "a" * 8), IncarnationName(2, "b" * 8), IncarnationName(2, "c" * 8)


def incarnation(name: IncarnationName, parent: IncarnationName | None = None, **more: Any) -> Incarnation:
    one = Incarnation(name, parent, 1, "7", Segments(1 << 20), 1 << 20, 180006, 0.0, "host")
    return replace(one, **{"lineage": ((parent, 5 << 20),) if parent else (), "seen": (), **more})


ONE, TWO = incarnation(FIRST), incarnation(SECOND, FIRST, seen=(FIRST,))
LEASE = Sign("LEASE.json", "incarnation 2 of host", SECOND)
MEMORY = Memory(SECOND, 9 << 20, 0.0)


def mirror(*known: Incarnation, **more: object) -> Seen:
    signs = tuple(Sign(str(one.name), "a folder", one.name) for one in known)
    lease = Sign("LEASE.json", "whole", max(one.name for one in known)) if known else None
    return Seen((*signs, lease) if lease else signs, {one.name: one for one in known}, states=bool(known), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "seen",
    [
        Seen((LEASE,)), Seen((Sign("LEASE.json", "it cannot be read"),)), Seen((Sign("dump", "2 files"),)),
        Seen((Sign(str(FIRST), "INC.json: it is empty", FIRST),)), Seen(memory=MEMORY),
    ],
)  # fmt: skip
def test_nothing_new_is_begun_over_any_sign_unless_it_is_asked_for(seen: Seen) -> None:
    assert stand(seen).kind is Kind.UNSEEN
    assert stand(seen).refusal
    assert stand(seen, Choice(new=True)).kind is Kind.FRESH


def test_without_any_sign_it_is_new() -> None:
    assert stand(Seen()).kind is Kind.FRESH
    unborn = (replace(LEASE, lived=False),)
    assert stand(Seen(unborn)).kind is Kind.UNSEEN, "an old lease may have come back"
    assert stand(Seen(unborn, local=Local(None))).found, "a first claim that was cut off is made again"


def test_a_root_that_does_not_have_the_mirror_of_the_database_here_is_refused() -> None:
    for seen in (Seen(local=Local(TWO, end=6 << 20)), mirror(ONE, local=Local(TWO, end=6 << 20))):
        assert stand(seen).kind is Kind.UNMOUNTED
        assert stand(seen).refusal
        assert stand(seen, Choice(new=True)).found


def test_a_root_that_was_set_back_is_refused() -> None:
    seen = mirror(ONE, ends={FIRST: 3 << 20}, local=Local(ONE, end=3 << 20), memory=Memory(FIRST, 4 << 20, 0.0))
    assert stand(seen).kind is Kind.UNMOUNTED


def test_a_database_older_than_its_mirror_is_restored() -> None:
    seen = mirror(ONE, ends={FIRST: 4 << 20}, local=Local(ONE, end=3 << 20))
    assert stand(seen).kind is Kind.BEHIND
    assert stand(seen).wants_restore


def test_of_two_with_one_number_none_is_taken_by_chance() -> None:
    other = incarnation(OTHER, FIRST, seen=(FIRST,))
    seen = mirror(ONE, TWO, other, ends={SECOND: 7 << 20, OTHER: 8 << 20})
    assert stand(seen).kind is Kind.DIVERGED
    assert len(stand(seen).why) == 2
    assert stand(replace(seen, local=Local(TWO, end=7 << 20))).kind is Kind.DIVERGED


def test_commits_that_only_the_database_here_has_are_not_put_aside_silently() -> None:
    seen = mirror(ONE, TWO, ends={FIRST: 5 << 20}, local=Local(ONE, end=6 << 20, own_commits=80))
    assert stand(seen).kind is Kind.DIVERGED
    assert stand(replace(seen, ends={FIRST: 6 << 20})).kind is Kind.OLDER, "they are in the mirror too"
    assert stand(replace(seen, local=Local(ONE, end=6 << 20, own_commits=0))).kind is Kind.OLDER


def log(**more: object) -> Log:
    end = 5 << 20
    return replace(Log(end, 1, ONE, 100.0, complete=True, clean=end), **more)  # type: ignore[arg-type]


def test_nothing_is_missing_only_if_the_newest_was_reached_to_its_end() -> None:
    assert judge(mirror(ONE), log()).level is Level.COMPLETE
    worse = [
        judge(mirror(ONE, TWO), log()), judge(Seen((LEASE,)), log()), judge(mirror(ONE, memory=MEMORY), log()),
        judge(Seen((Sign(str(FIRST), "a folder", FIRST), Sign("LEASE.json", "empty")), {FIRST: ONE}), log()),
        judge(mirror(ONE), log(opened=5 << 20)), judge(mirror(ONE), log(missing=["log"])),
        judge(mirror(ONE, memory=Memory(FIRST, 6 << 20, 0.0)), log()),
    ]  # fmt: skip
    for one in worse:
        assert one.level is Level.LOSS
        assert "nothing is missing" not in "".join(one.lines)
        assert one.refusal("state up to", [])


def test_of_a_killed_machine_what_was_measured_is_said() -> None:
    told = judge(mirror(ONE), log(complete=False, clean=None, lag=0.62))
    assert told.level is Level.TAIL
    assert "commits of its last 0.6 s" in told.lines[0]
    assert not told.refusal("state up to", [])


@pytest.mark.parametrize(
    ("entry", "name"),
    [("A-B (1).w1", "A-B.w1"), (".A-B.w1.12.tmp", "A-B.w1"), ("base.tar (2).gz", "base.tar.gz"), ("x (1)", "x")],
)
def test_names_that_a_drive_makes_up_stand_for_what_was_written(entry: str, name: str) -> None:
    assert plain(entry) == name
