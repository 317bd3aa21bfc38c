"""Steps of features/flows.feature."""

from __future__ import annotations

from pytest_bdd import given, parsers, scenarios, then, when

from metaflow_anywhere.stack.hello.check import card_text
from tests.acceptance.place import Place, Result, words

scenarios("flows.feature")


def run_flow(place: Place, name: str, *arguments: str) -> Result:
    return place.run(*place.flow(name, "run", "--run-id-file", f"{place.work}/{name}.id", *arguments))


def run_id(place: Place, name: str) -> str:
    return (place.work / f"{name}.id").read_text().strip()


@when(parsers.parse('I run the flow {name} with "{options}"'))
def i_run_the_flow(place: Place, name: str, options: str) -> None:
    run_flow(place, name, *words(options))


@then("the flow succeeds")
def the_flow_succeeds(place: Place) -> None:
    assert place.last.status == 0, place.last.printed


@then("the Client API reads its parameter, artifacts, logs and card")
def the_client_reads_all(place: Place) -> None:
    answer = place.client(f"""
from metaflow.cards import get_cards
run = Flow('Linear')['{run_id(place, "linear")}']
answer = dict(
    successful=run.successful, finished=run.finished, steps=sorted(step.id for step in run),
    flows=[flow.id for flow in Metaflow()], newest=Flow('Linear').latest_run.id == run.id,
    word=run['start'].task.data.word, artifact=run.data.carried,
    names=sorted(one.id for one in run['middle'].task.artifacts if not one.id.startswith('_')),
    stdout=run['end'].task.stdout, stderr=run['end'].task.stderr, card=get_cards(run['middle'].task)[0].get(),
    tasks=[task.pathspec for task in run['middle']], exception=run['end'].task.exception,
    metadata=run['middle'].task.metadata_dict['attempt'], user_tag=any(t.startswith('user:') for t in run.system_tags))
""")
    assert answer["successful"]
    assert answer["finished"]
    assert answer["newest"]
    assert answer["steps"] == ["end", "middle", "start"]
    assert "Linear" in answer["flows"]
    assert answer["word"] == answer["artifact"] == "anywhere"
    assert answer["names"] == ["carried", "length", "name", "word"]
    assert "the end of anywhere" in answer["stdout"]
    assert answer["stderr"].strip() == ""
    assert "anywhere has 8 letters" in card_text(answer["card"])
    assert len(answer["tasks"]) == 1
    assert answer["exception"] is None
    assert answer["metadata"] == "0"
    assert answer["user_tag"]


@then("the Client API finds 50 parallel tasks and the sum of their artifacts")
def the_client_finds_50_tasks(place: Place) -> None:
    answer = place.client(f"""
run = Flow('Fan')['{run_id(place, "fan")}']
answer = dict(tasks=len(list(run['work'])), squares=sum(t.data.square for t in run['work']), total=run.data.total)
""")
    wanted = sum(number**2 for number in range(50))
    assert answer == {"tasks": 50, "squares": wanted, "total": wanted}


@then("each parallel task names its parent")
def each_task_names_its_parent(place: Place) -> None:
    answer = place.client(f"""
run = Flow('Fan')['{run_id(place, "fan")}']
answer = dict(
    parents=sorted({{parent.pathspec for task in run['work'] for parent in task.parent_tasks}}),
    start=run['start'].task.pathspec, joined=len(list(run['join'].task.parent_tasks)),
    children=len(list(run['start'].task.child_tasks)))
""")
    assert answer["parents"] == [answer["start"]]
    assert answer["joined"] == 50
    assert answer["children"] == 50


@when("I run the flow stumble, which breaks")
def stumble_breaks(place: Place) -> None:
    (place.work / "mended").unlink(missing_ok=True)
    done = run_flow(place, "stumble", "--mended", str(place.work / "mended"))
    assert done.status != 0, done.printed
    assert "the bridge is broken" in done.printed


@then("the Client API tells that the run was not successful")
def the_run_was_not_successful(place: Place) -> None:
    answer = place.client(f"""
run = Flow('Stumble')['{run_id(place, "stumble")}']
answer = dict(
    successful=run.successful, finished=run.finished, bridge=run['bridge'].task.successful,
    why=str(run['bridge'].task.exception))
""")
    assert answer["successful"] is False
    assert answer["finished"] is False
    assert answer["bridge"] is False
    assert "the bridge is broken" in answer["why"]


@when("the cause is mended and the flow is resumed")
def the_flow_is_resumed(place: Place) -> None:
    (place.work / "mended").touch()
    origin = run_id(place, "stumble")
    place.notes["origin"] = origin
    place.run(*place.flow("stumble", "resume", "--origin-run-id", origin, "--run-id-file", f"{place.work}/stumble.id"))


@then("the Client API reads both attempts and the caught failure")
def the_client_reads_the_attempts(place: Place) -> None:
    answer = place.client(f"""
run = Flow('Stumble')['{run_id(place, "stumble")}']
first = Flow('Stumble')['{place.notes["origin"]}']['start'].task
answer = dict(
    successful=run.successful, crossed=run.data.crossed, caught=str(run['hopeless'].task.data.failure),
    attempt=first.data.attempt, current=first.current_attempt,
    bad=Task(first.pathspec, attempt=0).successful, good=Task(first.pathspec, attempt=1).successful,
    origin=run['start'].task.origin_pathspec,
    metadata=sorted({{one.value for one in first.metadata if one.name == 'attempt'}}))
""")
    assert answer["successful"]
    assert answer["crossed"]
    assert "this step never works" in answer["caught"]
    assert answer["attempt"] == answer["current"] == 1
    assert (answer["bad"], answer["good"]) == (False, True)
    assert answer["metadata"] == ["0", "1"]
    assert answer["origin"].startswith(f"Stumble/{place.notes['origin']}/start/")


@given("a run of the flow linear")
def a_run_of_linear(place: Place) -> None:
    if not (place.work / "linear.id").exists():
        assert run_flow(place, "linear").status == 0, place.last.printed


@when('the tags "good" and "old" are added and "old" is removed')
def tags_are_changed(place: Place) -> None:
    place.notes["tags"] = place.client(f"""
run = Flow('Linear')['{run_id(place, "linear")}']
run.add_tags(['good', 'old'])
between = sorted(Flow('Linear')[run.id].user_tags)
run.remove_tag('old')
answer = dict(between=between, after=sorted(Flow('Linear')[run.id].user_tags),
              found=[one.id for one in Flow('Linear').runs('good')],
              unfound=[one.id for one in Flow('Linear').runs('old')])
""")


@then('the Client API lists the tag "good" and not "old"')
def the_tag_is_listed(place: Place) -> None:
    tags = place.notes["tags"]
    assert tags["between"] == ["good", "old"]
    assert tags["after"] == ["good"]
    assert tags["found"] == [run_id(place, "linear")]
    assert tags["unfound"] == []
