"""Steps of features/state.feature."""

from __future__ import annotations

import contextlib
import shutil
import tarfile
import time
from pathlib import Path
from typing import Any

import psutil
import requests
from pytest_bdd import given, parsers, scenarios, then, when

from metaflow_anywhere.stack.hello.check import card_text
from metaflow_anywhere.state.tree import OURS
from tests.acceptance.conftest import everything_is_mirrored, mirror
from tests.acceptance.place import Place, eventually

scenarios("state.feature")
GOODBYE_SECONDS = 20.0


@given("the flow linear has run")
def linear_has_run(place: Place) -> None:
    done = place.ask(*place.flow("linear", "run", "--run-id-file", f"{place.work}/linear.id"))
    assert done.status == 0, done.printed
    everything_is_mirrored(place)


@when("the flow linear runs")
def linear_runs(place: Place) -> None:
    done = place.ask(*place.flow("linear", "run", "--run-id-file", f"{place.work}/linear.id"))
    assert done.status == 0, done.printed


@given("artifacts, logs and cards are written outside of root")
def files_outside(place: Place) -> None:
    place.variables["DATASTORE_DIR"] = str(place.folder / "fast" / "datastore")


@then('"invoke status" says that all of them are in root')
def all_files_are_in_root(place: Place) -> None:
    now = time.time()
    eventually(lambda: (files := mirror(place)["files"])["until"] > now and not files["left"], "the copies")
    told = place.ask("invoke", "status").printed
    assert f"files   all of {place.settings.datastore_dir} is in {place.settings.root}/datastore" in told
    assert files_below(place.settings.root / "datastore") == files_below(place.settings.datastore_dir)


@when("the folder outside of root is as empty as on a new machine")
def the_rest_is_gone(place: Place) -> None:
    shutil.rmtree(place.folder / "fast")


@when("the copy in root cannot be written")
def the_copy_cannot_be_written(place: Place) -> None:
    copy = place.settings.root / "datastore"
    copy.rename(copy.with_name("away"))
    copy.touch()


@then('"invoke status" and "invoke doctor" say that it is not copied')
def both_say_so(place: Place) -> None:
    eventually(lambda: mirror(place)["files"]["problem"], "a word on the copies")
    for verb, text in (("status", "files   not copied for"), ("doctor", "is not copied to")):
        told = place.ask("invoke", verb)
        assert told.status == 1
        assert text in told.printed


@when("the copy in root can be written again")
def the_copy_can_be_written(place: Place) -> None:
    copy = place.settings.root / "datastore"
    copy.unlink()
    copy.with_name("away").rename(copy)


@then("everything outside of root is in root")
def everything_is_in_root(place: Place) -> None:
    missing = files_below(place.settings.datastore_dir) - files_below(place.settings.root / "datastore")
    assert not missing
    assert f"all of {place.settings.datastore_dir} is in {place.settings.root}/datastore" in place.last.printed


@then("the logs of the stack are in root")
def the_logs_are_in_root(place: Place) -> None:
    (archive,) = (place.settings.root / "logs").glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        assert {"service.log", "sync.log", "database.log"} <= {Path(name).name for name in opened.getnames()}


def files_below(folder: Path) -> set[tuple[str, int]]:
    """Each file's path and size, without what is on its way, and what is only about the folder itself."""
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    paths = [path for path in paths if path.relative_to(folder).parts[0] not in OURS]
    return {(str(path.relative_to(folder)), path.stat().st_size) for path in paths}


@when("every process of the stack is asked to end at once")
def everything_is_asked_to_end(place: Place) -> None:
    doomed = place.processes()
    for process in doomed:
        with contextlib.suppress(psutil.NoSuchProcess):  # some end as soon as others do
            process.terminate()
    _, left = psutil.wait_procs(doomed, timeout=GOODBYE_SECONDS)
    assert left == []


@when("root is copied while the stack is up")
def root_is_copied(place: Place) -> None:
    elsewhere = place.folder / "elsewhere"

    def vanish(source: str, target: str) -> None:
        with contextlib.suppress(FileNotFoundError):  # files of a live database come and go
            shutil.copy2(source, target)

    shutil.copytree(place.settings.root, elsewhere, symlinks=True, copy_function=vanish)
    place.kill_everything()


@given("this moment is remembered")
def this_moment(place: Place) -> None:
    time.sleep(1.1)  # a moment is given in whole seconds, and must lie between two commits
    place.notes["moment"] = time.strftime("%Y-%m-%d %H:%M:%S")
    time.sleep(1.1)


@when("I go back to the remembered moment")
def back_to_the_moment(place: Place) -> None:
    place.run("invoke", "restore-snapshot", "--at", place.notes["moment"], "--replace")


@when("a byte of the newest base is turned over")
def a_byte_is_turned(place: Place) -> None:
    archives = list((place.settings.root / "pg").glob("inc-*/base-*/base.tar.gz"))
    assert len(archives) > 1
    newest = max(archives)
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 1
    newest.write_bytes(data)


@when("a second machine brings up the same root", target_fixture="second")
def a_second_machine(place: Place, second_place: Place) -> Place:
    """The same folders under another path, as a shared drive has them; the rest is the second machine's own."""
    second_place.root.mkdir()
    for name in ("pg", "datastore"):
        (second_place.root / name).symlink_to(place.settings.root / name)
    up = second_place.run("invoke", "up")
    assert up.status == 0, up.printed
    return second_place


@then("the first machine's database stops by itself")
def the_first_stops(place: Place) -> None:
    eventually(lambda: place.status()["database"]["state"] == "down", "the end of the first database", 10)


@then('"invoke status" of the first machine says who has taken over')
def the_first_says_why(place: Place) -> None:
    eventually(lambda: "has taken over" in place.ask("invoke", "status").printed, "a word on who took over", 10)


@then("the second machine has the run of Kept")
def the_second_has_it(second: Place) -> None:
    assert len(requests.get(f"{second.url}/service/flows/Kept/runs", timeout=60).json()) == 1


@when("the second machine goes down")
def the_second_goes_down(second: Place) -> None:
    down = second.run("invoke", "down")
    assert down.status == 0, down.printed


@when("the mirror's folder goes away")
def the_mirror_goes(place: Place) -> None:
    (place.settings.root / "pg").rename(place.settings.root / "pg.away")


@when("the mirror's folder is back")
def the_mirror_is_back(place: Place) -> None:
    (place.settings.root / "pg.away").rename(place.settings.root / "pg")
    healthy = place.ask("invoke", "status", "--wait")
    assert healthy.status == 0, healthy.printed


@when(parsers.parse("a flow called {name} with a run"))
def a_flow_with_a_run(place: Place, name: str) -> None:
    for path in (f"flows/{name}", f"flows/{name}/run"):
        assert requests.post(f"{place.url}/service/{path}", json={}, timeout=60).status_code == 200


@then('"invoke status" says that the mirror is degraded')
def the_mirror_is_degraded(place: Place) -> None:
    eventually(lambda: mirror(place)["state"] == "degraded", "a degraded mirror", 20)
    found = place.ask("invoke", "status")
    assert found.status == 1
    assert "degraded for" in found.printed
    assert "is the drive still mounted?" in found.printed


@then("the Client API finds the run with its logs, its card and its artifacts")
def the_client_finds_all(place: Place) -> None:
    run = (place.work / "linear.id").read_text().strip()
    answer = place.client(f"""
from metaflow.cards import get_cards
run = Flow('Linear')['{run}']
answer = dict(successful=run.successful, carried=run.data.carried, stdout=run['end'].task.stdout,
              card=get_cards(run['middle'].task)[0].get())
""")
    assert answer["successful"]
    assert answer["carried"] == "hello"
    assert "the end of hello" in answer["stdout"]
    assert "hello has 5 letters" in card_text(answer["card"])


@then("the UI's API finds the run with its logs, its card and its artifacts")
def the_ui_finds_all(place: Place) -> None:
    run = (place.work / "linear.id").read_text().strip()
    base = f"{place.url}/api/flows/Linear/runs/{run}"

    def data(path: str) -> Any:
        answer = requests.get(f"{base}{path}", timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    assert data("")["status"] == "completed"
    ids = {task["step_name"]: f"/steps/{task['step_name']}/tasks/{task['task_id']}" for task in data("/tasks?_limit=9")}
    assert [row["line"] for row in data(f"{ids['end']}/logs/out")] == ["the end of hello"]
    (card,) = data(f"{ids['middle']}/cards")
    assert card["type"]
    artifacts = data(f"{ids['middle']}/artifacts?postprocess=true&_limit=50")
    assert "'hello'" in {row.get("content") for row in artifacts} or "hello" in {
        row.get("content") for row in artifacts
    }
