"""The built web UI as browsers get it: told where everything is, locked down, and cached as far as it may be."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.service.running import service_environment
from tests.ui_backend.running import RunningUI

INDEX = '<html><head><meta charset="utf-8"></head><body>the UI</body></html>'


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    (folder / "assets").mkdir()
    (folder / "index.html").write_text(INDEX)
    (folder / "icon.svg").write_text("<svg/>")
    (folder / ".sources.sha256").write_text("digest")
    (folder / "assets" / "main-abc123.js").write_text("code")
    (folder.parent / "secret.txt").write_text("secret")
    return folder


@pytest.fixture(scope="module")
def stacked(database: str, built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningUI]:
    """A UI backend as a stack runs it: its page behind a proxy, below a path for those who come by the public name."""
    environment = {
        **service_environment(database), "UI_FOLDER": str(built), "METAFLOW_SERVICE": "/api",
        "METAFLOW_METADATA_SERVICE": "/service", "UI_EXT_URL": "https://public.example/x/y",
    }  # fmt: skip
    ui = RunningUI(tmp_path_factory.mktemp("stacked"), environment)
    yield ui
    ui.stop()


def told(answer: requests.Response) -> dict[str, str]:
    """What the injected script sets."""
    return dict(re.findall(r'window\.(\w+)="([^"]*)";', answer.text))


def base(answer: requests.Response) -> str:
    found = re.search(r'<base href="([^"]*)">', answer.text)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("path", ["/", "/Flow/5/view/timeline", "/runs", "/ping", "/-/1", "/a/b.c", "/A%2FB/1"])
def test_below_the_inner_prefix_every_path_that_is_no_file_is_the_page(stacked: RunningUI, path: str) -> None:
    answer = stacked.get(f"/.page{path}")
    assert answer.status_code == 200
    assert "the UI" in answer.text
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert told(answer) == {
        "METAFLOW_SERVICE": "/api", "METAFLOW_METADATA_SERVICE": "/service", "APP_BASE_PATH": "/",
    }  # fmt: skip
    assert base(answer) == "/"


def test_another_web_ui_gets_the_policy_that_it_needs(
    database: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    inline = "window.theirs = 1;"
    (tmp_path / "index.html").write_text(
        f'<html><head><script>{inline}</script><script type="module" src="/x.js"></script></head><body></body></html>'
    )
    environment = {
        **service_environment(database), "UI_FOLDER": str(tmp_path), "METAFLOW_SERVICE": "/api",
        "ORIGIN_TO_ALLOW_CORS_FROM": "http://own:1 http://ui.example:3000",
    }  # fmt: skip
    ui = RunningUI(tmp_path_factory.mktemp("theirs"), environment)
    try:
        answer = ui.get("/.page/")
        policy = dict(one.split(" ", 1) for one in answer.headers["Content-Security-Policy"].split("; "))
        digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy["script-src"]
        assert policy["script-src"].count("sha256-") == 2  # its own, and what tells it where everything is
        assert "unsafe" not in policy["script-src"]
        assert "'unsafe-inline'" in policy["style-src"]
        assert "data:" in policy["font-src"]
        for origin in ("http://own:1", "http://ui.example:3000"):
            answer = ui.get("/runs", headers={"Origin": origin})
            assert answer.headers["Access-Control-Allow-Origin"] == origin
            assert "Origin" in answer.headers["Vary"]
        for origin in ("http://ui.example", "http://evil.example", "null"):
            assert ui.get("/runs", headers={"Origin": origin}).headers["Access-Control-Allow-Origin"] == "http://own:1"
    finally:
        ui.stop()


def test_only_the_page_s_own_files_and_the_one_script_may_run(stacked: RunningUI) -> None:
    answer = stacked.get("/.page/")
    script = re.search(r"<script>(.*?)</script></head>", answer.text)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    policy = dict(one.split(" ", 1) for one in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == f"'self' 'sha256-{digest}'"
    assert policy["connect-src"] == policy["frame-src"] == policy["frame-ancestors"] == "'self'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"


def test_below_a_path_everything_is(stacked: RunningUI) -> None:
    for headers in (
        {"X-Forwarded-Prefix": "/x/y"},
        {"X-Forwarded-Host": "public.example"},
        {"Host": "public.example"},
    ):
        answer = stacked.get("/.page/Flow/5", headers=headers)
        assert base(answer) == "/x/y/"
        assert told(answer)["METAFLOW_SERVICE"] == "/x/y/api"
        assert told(answer)["METAFLOW_METADATA_SERVICE"] == "/x/y/service"
        assert told(answer)["APP_BASE_PATH"] == "/x/y/"


@pytest.mark.parametrize("told_prefix", ['/"><script>alert(1)</script>', "//evil.example", "/a b", "x", "/%2e"])
def test_a_prefix_that_is_no_path_is_not_believed(stacked: RunningUI, told_prefix: str) -> None:
    assert base(stacked.get("/.page/", headers={"X-Forwarded-Prefix": told_prefix})) == "/"


def test_files_named_for_their_content_are_kept_for_good_and_the_page_is_asked_for_each_time(
    stacked: RunningUI,
) -> None:
    asset = stacked.get("/.page/assets/main-abc123.js")
    assert asset.text == "code"
    assert "javascript" in asset.headers["Content-Type"]
    assert "immutable" in asset.headers["Cache-Control"]
    for path in ("/.page/", "/.page/icon.svg"):
        first = stacked.get(path)
        assert first.headers["Cache-Control"] == "no-cache"
        again = stacked.get(path, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path", ["assets/old-build.js", "none.js", ".sources.sha256", "%2e%2e/secret.txt", "favicon.ico"]
)
def test_what_is_no_file_of_the_page_is_not_served_in_its_place(stacked: RunningUI, path: str) -> None:
    answer = stacked.get(f"/.page/{path}")
    assert "secret" not in answer.text
    assert "digest" not in answer.text
    assert answer.status_code == (200 if path.startswith((".", "%")) else 404)


def test_without_a_proxy_the_page_is_what_no_route_of_the_api_answers(
    database: str, built: Path, tmp_path: Path
) -> None:
    variables = {**service_environment(database), "PATH_PREFIX": "/pre", "UI_ENABLED": str(built)}
    ui = RunningUI(tmp_path / "ui", variables)
    try:
        assert ui.data("/runs") == []
        for path in ("/", "/Flow/5/view/timeline"):
            answer = ui.get(path)
            assert told(answer) == {"METAFLOW_SERVICE": "/pre", "APP_BASE_PATH": "/pre/"}
            assert base(answer) == "/pre/"
        assert ui.get("/assets/main-abc123.js").text == "code"
    finally:
        ui.stop()


def test_an_api_elsewhere_may_be_asked_and_nothing_else(database: str, built: Path, tmp_path: Path) -> None:
    variables = {"UI_FOLDER": str(built), "METAFLOW_SERVICE": "https://api.example/v"}
    ui = RunningUI(tmp_path / "ui", {**service_environment(database), **variables})
    try:
        policy: Any = ui.get("/").headers["Content-Security-Policy"]
        assert "connect-src 'self' https://api.example wss://api.example;" in policy
    finally:
        ui.stop()


def test_where_it_was_not_built_the_way_to_build_it_is_told(database: str, tmp_path: Path) -> None:
    variables = {"UI_FOLDER": str(tmp_path), "UI_ENABLED": ""}
    ui = RunningUI(tmp_path / "ui", {**service_environment(database), **variables})
    try:
        answer = ui.get("/.page/")
        assert answer.status_code == 404
        assert "pip install -e ." in answer.text
        assert ui.get("/Flow/5").status_code == 404
    finally:
        ui.stop()
