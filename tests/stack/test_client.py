"""The client's settings are what a client needs, in the form that was asked for."""

from __future__ import annotations

import subprocess
from pathlib import Path

from metaflow_anywhere.settings import resolve
from metaflow_anywhere.stack.cards import card_folder, join_cards
from metaflow_anywhere.stack.client import as_exports, as_notebook, client_environment

SETTINGS = resolve(environ={"MF_ROOT": "/tmp/it's here", "MF_PORT": "7999"})


def test_the_client_is_pointed_at_the_proxy_and_the_datastore() -> None:
    found = client_environment(SETTINGS, {})
    assert found["METAFLOW_SERVICE_URL"] == "http://127.0.0.1:7999/service"
    assert found["METAFLOW_DATASTORE_SYSROOT_LOCAL"] == "/tmp/it's here/datastore"
    assert found["METAFLOW_DEFAULT_METADATA"] == "service"


def test_exports_survive_a_shell() -> None:
    text = as_exports(client_environment(SETTINGS, {}))
    command = f'{text}\nprintf %s "$METAFLOW_DATASTORE_SYSROOT_LOCAL"'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout == "/tmp/it's here/datastore"


def test_notebook_lines_are_not_quoted() -> None:
    assert "%env METAFLOW_DATASTORE_SYSROOT_LOCAL=/tmp/it's here/datastore" in as_notebook(
        client_environment(SETTINGS, {})
    )


def test_loopback_is_excepted_from_an_http_proxy() -> None:
    found = client_environment(SETTINGS, {"HTTPS_PROXY": "http://proxy.example:3128", "no_proxy": "intranet"})
    assert found["NO_PROXY"] == "intranet,127.0.0.1,localhost"
    assert "NO_PROXY" not in client_environment(SETTINGS, {})


def test_the_name_of_the_user_is_never_root() -> None:
    assert resolve(environ={"USER": "root", "MF_ROOT": "/tmp/x"}).client_user == "anywhere"
    assert resolve(environ={"USER": "root", "SUDO_USER": "ada", "MF_ROOT": "/tmp/x"}).client_user == "ada"


def test_what_is_written_beside_the_artifacts_is_found_where_cards_are_looked_for(tmp_path: Path) -> None:
    join_cards(tmp_path)
    join_cards(tmp_path)
    (tmp_path / ".metaflow" / "Flow").mkdir()
    assert (card_folder(tmp_path) / "Flow").is_dir()
