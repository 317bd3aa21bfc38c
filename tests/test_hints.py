"""A hint repeats what was typed, so that it leads to the same stack, and can be pasted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from metaflow_anywhere import hints
from metaflow_anywhere.hints import again, command, elsewhere, own_name, remember_typed


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    before = hints._typed
    yield
    hints._typed = before


def typed(*words: str, before: tuple[str, ...] = (), options: tuple[tuple[str, str], ...] = ()) -> None:
    remember_typed(before, options, ["/nowhere/invoke", *words])


def test_options_that_were_given_are_repeated_and_quoted() -> None:
    typed("up", options=(("root", "/tmp/my data"), ("port", "7900"), ("set", "tunnel=none")))
    assert command("hello") == "invoke hello --root '/tmp/my data' --port 7900 --set tunnel=none"


def test_an_option_of_the_hint_wins_over_the_one_that_was_typed_in_whichever_way() -> None:
    typed("up", options=(("port", "7900"), ("set", "port=7901"), ("set", "ui_ext_url=http://x")))
    assert command("up", port=7902) == "invoke up --port 7902 --set ui_ext_url=http://x"


def test_values_are_quoted_and_what_follows_the_dashes_stays_as_it_is() -> None:
    typed("export", "a file")
    assert command("import", "a file; rm x") == "invoke import 'a file; rm x'"
    typed("hello", options=(("root", "/r"),))
    assert command("run", after="python my_flow.py run") == "invoke run --root /r -- python my_flow.py run"


def test_a_hint_for_elsewhere_repeats_no_option() -> None:
    typed("export", "a file", options=(("root", "/r"),))
    assert elsewhere("import", "a file") == "invoke import 'a file'"


def test_the_same_command_again_keeps_every_word() -> None:
    typed("restore-snapshot", "--at", "2026-11-22 14:05")
    assert again("--replace") == "invoke restore-snapshot --at '2026-11-22 14:05' --replace"
    typed("run", "--", "python", "f.py")
    assert again("--port", "1") == "invoke run --port 1 -- python f.py"


def test_where_tasks_and_settings_come_from_stands_before_the_verb() -> None:
    typed("up", before=("--search-root", "/a clone"))
    assert command("down") == "invoke --search-root '/a clone' down"


def test_the_program_is_called_as_the_user_calls_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin dir").mkdir()
    program = tmp_path / "bin dir" / "invoke"
    program.touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert own_name(str(program)) == "'bin dir/invoke'"
    monkeypatch.setenv("PATH", str(program.parent))
    assert own_name(str(program)) == "invoke"
    assert own_name("/x/site-packages/invoke/__main__.py").endswith(" -m invoke")


@pytest.mark.parametrize(
    ("called_as", "wanted"),
    [
        ("/root/.cache/uv/archive-v0/AbC/bin/mfa", "uvx metaflow-anywhere"),
        ("/home/a/.local/share/pipx/.cache/0123/bin/metaflow-anywhere", "pipx run metaflow-anywhere"),
        ("/home/a/.local/share/pipx/venvs/metaflow-anywhere/bin/mfa", "mfa"),
    ],
)
def test_a_program_in_a_runner_s_cache_is_called_by_the_runner_again(
    called_as: str, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hints, "installed_from", lambda environment: None)
    assert own_name(called_as) == wanted


def test_a_runner_is_told_the_wheel_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    information = tmp_path / "metaflow_anywhere-0.1.0.dist-info"
    information.mkdir()
    assert hints.installed_from(tmp_path) is None
    (information / "direct_url.json").write_text('{"url": "file:///my%20wheels/m.whl", "archive_info": {}}')
    found = hints.installed_from(tmp_path)
    assert found == "/my wheels/m.whl"
    monkeypatch.setattr(hints, "installed_from", lambda environment: found)
    wanted = "uvx --from '/my wheels/m.whl' metaflow-anywhere"
    assert own_name("/root/.cache/uv/archive-v0/AbC/bin/mfa") == wanted
