"""Signing in: the page runtime/signing-in.md says what holds, a change of the file counts, a restart signs nobody out."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import run_and_check
from tests.e2e.processes import ROOT, RunningHost, start_host

PAGE = (ROOT / "runtime/signing-in.md").read_text("utf-8")
HELLO = {
    "bindings": [
        {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"},
        {"type": "http", "direction": "out", "name": "$return"},
    ]
}


def make_app(root: Path, personas: str) -> Path:
    (root / "who").mkdir(parents=True)
    (root / "host.json").write_text('{"version": "2.0"}')
    (root / "who/function.json").write_text(json.dumps(HELLO))
    (root / "who/__init__.py").write_text(
        "def main(req):\n    return req.headers.get('x-ms-client-principal-id', 'nobody')\n"
    )
    (root / "personas.json").write_text(personas)
    return root


def sign_in(host: RunningHost, path: str) -> str:
    """The Cookie header of a login."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            return None

    try:
        urllib.request.build_opener(Stay).open(host.host + path)
    except urllib.error.HTTPError as answer:
        assert answer.code == 302
        return str(answer.headers["Set-Cookie"]).partition(";")[0]
    raise AssertionError("it did not sign in")


def get(host: RunningHost, path: str, cookie: str = "") -> str:
    request = urllib.request.Request(host.host + path, headers={"Cookie": cookie})
    with urllib.request.urlopen(request) as answer:
        return str(answer.read().decode())


def test_a_persona_of_the_page_is_who_it_says(tmp_path: Path) -> None:
    described = re.findall(r"^```json\n(.*?)^```$", PAGE, re.M | re.S)[0]
    app = make_app(tmp_path / "app", described)
    for host in run_and_check(start_host(app, tmp_path, "--as", "carol")):
        alice = sign_in(host, "/.auth/login/aad?persona=alice")
        bob = sign_in(host, "/.auth/login/github?persona=bob")

        assert [get(host, "/api/who", one) for one in (alice, bob, "")] == ["a-1", "bob", "carol"]
        (me,) = json.loads(get(host, "/.auth/me", alice))
        claims = [claim["val"] for claim in me["user_claims"] if claim["typ"] == "groups"]
        assert (me["provider_name"], claims) == ("github", ["one", "two"])
        assert json.loads(get(host, "/.auth/me", bob))[0]["provider_name"] == "github"
        principal = json.loads(get(host, "/.auth/me?shape=swa", alice))["clientPrincipal"]
        assert principal["userRoles"] == ["anonymous", "authenticated", "admin"]
        assert (
            "carol, whoever does not sign in (not among the app's personas, which are: alice, bob)"
            in host.output.text()
        )


def test_a_change_of_the_file_counts_for_who_is_signed_in(tmp_path: Path) -> None:
    app = make_app(tmp_path / "app", '{"alice": {"id": "1"}}')
    for host in run_and_check(start_host(app, tmp_path)):
        alice = sign_in(host, "/.auth/login/aad?persona=alice")
        assert get(host, "/api/who", alice) == "1"

        (app / "personas.json").write_text('{"alice": {"id": "changed"}}')
        host.output.wait_for("Reloaded in")

        assert get(host, "/api/who", alice) == "changed"


def test_a_restart_signs_nobody_out(tmp_path: Path) -> None:
    app = make_app(tmp_path / "app", '{"alice": {"id": "1"}}')
    cookies = []
    for host in run_and_check(start_host(app, tmp_path)):
        cookies = [
            sign_in(host, f"/.auth/login/aad?persona={name}") for name in ("alice", "made-up")
        ]
    for host in run_and_check(start_host(app, tmp_path)):
        assert [get(host, "/api/who", cookie) for cookie in cookies] == ["1", "made-up"]


def test_an_app_beside_a_static_web_app_has_its_shape_unless_told_otherwise(tmp_path: Path) -> None:
    app = make_app(tmp_path / "site/api", "{}")
    (tmp_path / "site/src").mkdir()
    (tmp_path / "site/src/staticwebapp.config.json").write_text("{}")
    for host in run_and_check(start_host(app, tmp_path)):
        assert json.loads(get(host, "/.auth/me")) == {"clientPrincipal": None}
        host.output.wait_for(r"Static Web Apps.*src/staticwebapp\.config\.json.*--auth-shape")
    for host in run_and_check(start_host(app, tmp_path, "--auth-shape", "app-service")):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            get(host, "/.auth/me")


def test_the_shape_of_a_static_web_app_can_be_had_without_its_file(tmp_path: Path) -> None:
    app = make_app(tmp_path / "app", "{}")
    for host in run_and_check(start_host(app, tmp_path, "--auth-shape", "static-web-apps")):
        assert json.loads(get(host, "/.auth/me")) == {"clientPrincipal": None}


def test_beyond_loopback_a_start_says_who_may_sign_in(tmp_path: Path) -> None:
    app = make_app(tmp_path / "app", "{}")
    said = "whoever reaches this port may sign in as anybody"
    for host in run_and_check(start_host(app, tmp_path, "--address", "0.0.0.0")):
        host.output.wait_for(said)
    for host in run_and_check(start_host(app, tmp_path)):
        host.output.wait_for("Ctrl-C stops it")
        assert said not in host.output.text()
