"""What is written for supervisord and its launcher means to them what we meant, whatever the characters are."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from supervisor.options import ServerOptions

from metaflow_anywhere.environment import program_environment
from metaflow_anywhere.errors import AnywhereError
from metaflow_anywhere.stack import launch
from metaflow_anywhere.stack.supervisor_file import Program, command_text, render

TELL = (
    "import os, sys; "
    "sys.stdout.buffer.write(b'\\0'.join([os.fsencode(a) for a in sys.argv[1:]] + [os.environb[b'ODD']]))"
)
ODD = st.text(
    st.one_of(st.sampled_from(" #;%\"'\\={}$,`~\t"), st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]))
)
ANYTHING = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def parsed(folder: Path, text: str) -> ServerOptions:
    """As supervisord itself reads ``text`` in ``folder``."""
    path = folder / "supervisord.conf"
    path.write_bytes(os.fsencode(text))
    options = ServerOptions()
    options.realize(["-c", str(path)])
    return options


@settings(max_examples=150, deadline=None)
@given(st.lists(ODD, min_size=1, max_size=4))
def test_a_command_arrives_word_by_word(words: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        text = render("00000000", Path(name), Path(name), Path(name) / "s", [Program("one", ["/bin/true"])])
        line = next(line for line in text.splitlines() if line.startswith("command="))
        options = parsed(Path(name), text.replace(line, f"command={command_text(words)}"))
    (group,) = options.process_group_configs
    assert shlex.split(group.process_configs[0].command) == words


@pytest.mark.parametrize("odd", ["Team #1", "a ;b", 'a"b', "100% of it", "it's", "%(here)s", "Müller, 数据", "a\\b"])
def test_a_folder_of_any_name_is_found(tmp_path: Path, odd: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / odd
    (folder / "logs").mkdir(parents=True)
    monkeypatch.chdir(folder)
    text = render("00000000", folder, folder / "logs", folder / "s", [Program("one", ["/bin/true"])])
    options = parsed(folder, text)
    assert options.directory == str(folder)
    one = options.process_group_configs[0].process_configs[0]
    assert Path(one.stdout_logfile).absolute() == folder / "logs" / "one.log"
    assert one.directory == str(folder)


def test_a_line_break_is_refused_by_name() -> None:
    with pytest.raises(AnywhereError, match="line break"):
        command_text(["/srv/a\nb/python"])


@settings(max_examples=30, deadline=None)
@given(ANYTHING.filter(lambda text: len(text) < 1000), ANYTHING.filter(lambda text: len(text) < 1000))
def test_what_is_launched_gets_its_words_and_variables_as_they_are(word: str, value: str) -> None:
    told = Program("one", [sys.executable, "-I", "-S", "-c", TELL, word], {"ODD": value})
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "one.json"
        file.write_text(told.document("00000000", os.environ), encoding="ascii")
        command = [sys.executable, "-I", "-S", launch.__file__, str(file)]
        said = subprocess.run(command, env={}, capture_output=True, check=True).stdout
    assert said == os.fsencode(word) + b"\0" + os.fsencode(value)


def test_a_path_that_is_no_text_reaches_the_program() -> None:
    odd = os.fsdecode(b"/srv/caf\xe9")
    document = Program("one", ["/bin/true", odd], {"MF_ROOT": odd}).document("00000000", {})
    assert "caf\\u00e9" in document  # the byte E9, and no other


def test_of_the_shell_only_what_is_needed_reaches_a_program() -> None:
    shell = {
        "PATH": "/bin", "HOME": "/home/x", "TZ": "Asia/Tokyo", "AWS_SECRET_ACCESS_KEY": "s3cret",
        "PGPASSWORD": "x", "METAFLOW_DEFAULT_DATASTORE": "s3", "MF_METADATA_DB_DSN": "host=elsewhere",
        "HEARTBEAT_THRESHOLD": "30", "LANG": "xx.ISO-8859-1",
    }  # fmt: skip
    found = program_environment(shell, ["HEARTBEAT_THRESHOLD"])
    assert {name: found[name] for name in shell if name in found} == {
        "PATH": "/bin", "HOME": "/home/x", "TZ": "Asia/Tokyo", "HEARTBEAT_THRESHOLD": "30", "LANG": "C.UTF-8",
    }  # fmt: skip
    bare = Program("one", ["/bin/true"], {"PGDATA": "/x"}, bare=True).document("00000000", shell)
    assert "/home/x" not in bare and "s3cret" not in bare


def test_the_shell_that_tells_of_a_program_does_not_change_it() -> None:
    one = Program("one", ["/bin/true"], {"A": "1"})
    assert one.mark == Program("one", ["/bin/true"], {"A": "1"}).mark
    assert one.mark != Program("one", ["/bin/true"], {"A": "2"}).mark
