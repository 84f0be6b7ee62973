"""Ten messages that do not arrive: what one `funcjson explain` command tells of each."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import jwt
import pytest
from tests.e2e.seeded_app import add_misspelt, write_app

RUNTIME = Path(__file__).resolve().parents[2] / "runtime"
KEY = "a-key-of-these-tests-that-nobody-may-see-0123456789"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    app = write_app(tmp_path_factory.mktemp("explain"))
    add_misspelt(app)
    return app


def explain(*words: str) -> tuple[int, str]:
    """Exit code, and everything that was printed."""
    done = subprocess.run(
        [sys.executable, "-m", "funcjson", "explain", *words],
        env={**os.environ, "PYTHONPATH": str(RUNTIME)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def run(app: Path, function: str, *more: str, client: str = "alice@chat") -> str:
    _, text = explain(
        "request", "POST", f"/api/{function}", "--app", str(app), "--run", "--client", client, *more
    )
    return text


def test_a_message_that_arrives(app: Path) -> None:
    text = run(app, "send")

    assert "hub 'chat', all: received by 1" in text
    assert "client alice@chat got 'newMessage' [\"hello\"]" in text


def test_wrong_hub(app: Path) -> None:
    text = run(app, "wrongHub")

    assert "hub 'chta' has 0 connections, but 'chat' has 1" in text
    assert "into hub 'chta' (wrongHub/function.json:" in text
    assert "client alice@chat got nothing: other hub: it is in 'chat'" in text


def test_wrong_group(app: Path) -> None:
    text = run(app, "wrongGroup", client="alice@chat+loby")

    assert (
        "hub 'chat' has no group 'lobby' with a connection; did you mean 'loby', which has 1?"
        in text
    )
    assert "client alice@chat+loby got nothing: not in group 'lobby'; it is in 'loby'" in text


def test_wrong_target_name(app: Path) -> None:
    text = run(app, "wrongTarget")

    assert "received by 1" in text
    assert "no page of this app listens for 'newMesage'" in text
    assert "did you mean 'newMessage'?" in text
    assert "'newMesage' (wrongTarget/index.js:2)" in text


def test_wrong_target_name_without_a_page_in_the_app(app: Path, tmp_path: Path) -> None:
    alone = shutil.copytree(app, tmp_path / "api", ignore=shutil.ignore_patterns("page.html"))

    text = run(alone, "wrongTarget", "--listens", "newMessage")

    assert "a client without a handler for 'newMesage' shows nothing of it" in text
    assert "only this function sends 'newMesage' (wrongTarget/index.js:2)" in text
    assert "and shows nothing of 'newMesage': it has no handler of that name" in text


def test_user_not_signed_in(app: Path) -> None:
    code, text = explain("request", "POST", "/api/negotiate", "--app", str(app))

    assert code == 1
    assert "no header 'x-ms-client-principal-id' in this request" in text
    assert "sign in first" in text


def test_the_same_user_signed_in(app: Path) -> None:
    code, text = explain("request", "POST", "/api/negotiate", "--app", str(app), "--as", "alice")

    assert code == 0
    assert "asrs.s.uid" in text


def test_expired_token() -> None:
    now = int(time.time())
    claims = {"asrs.s.uid": "ann", "exp": now - 7200, "aud": "http://localhost/client/?hub=chat"}
    code, text = explain("token", jwt.encode(claims, KEY, algorithm="HS256"))

    assert code == 1
    assert "failed       expiry" in text
    assert "the service answers 401 when the client negotiates" in text


def test_output_name_with_no_binding(app: Path) -> None:
    text = run(app, "wrongName")

    assert "'signalRMessage' is no output binding; did you mean 'signalRMessages'?" in text
    assert "given at   wrongName/index.js:2" in text
    assert "outputs at wrongName/function.json:" in text


def test_wrong_json_shape(app: Path) -> None:
    text = run(app, "wrongShape")

    assert "outputs collected  FAILED" in text
    assert "rename 'event' to 'target' and 'data' to 'arguments'" in text


def test_a_misspelt_member_of_a_message_that_goes_to_all(app: Path, tmp_path: Path) -> None:
    told = "output 'signalRMessages': the value: 'group' does nothing; did you mean 'groupName'?"

    assert f"hint   {told}" in run(app, "misspelt")
    assert told in json.loads(run(app, "misspelt", "--json"))["steps"][6]["hints"]
    file = tmp_path / "steps.html"
    run(app, "misspelt", "--html", str(file))
    assert told in file.read_text(encoding="utf-8")


def test_connection_closed_before_the_send(app: Path) -> None:
    text = run(
        app,
        "toConnection",
        "--body",
        '{"id": "gone"}',
        "--header",
        "content-type: application/json",
    )

    assert "hub 'chat' has no connection 'gone'" in text


def test_cors(app: Path) -> None:
    _, text = explain(
        "request", "GET", "/api/send", "--app", str(app), "--header", "Origin: https://app.example"
    )

    assert "a page of https://app.example is refused" in text
    assert '"CORS": "https://app.example"' in text


def test_trigger_event_that_matches_no_function(app: Path) -> None:
    code, text = explain("route", "--hub", "chat", "--event", "pingg", "--app", str(app))

    assert code == 1
    assert "did you mean event 'ping'" in text
    assert "ping/function.json:" in text


def test_json_has_nine_steps_and_no_token(app: Path) -> None:
    _, text = explain(
        "request", "POST", "/api/negotiate", "--app", str(app), "--as", "alice", "--json"
    )

    document = json.loads(text)
    assert [step["number"] for step in document["steps"]] == list(range(1, 10))
    assert re.search(r"eyJ[\w-]+\.[\w-]+\.", text) is None


def test_html_shows_the_steps_by_itself(app: Path, tmp_path: Path) -> None:
    file = tmp_path / "request.html"

    explain("request", "POST", "/api/send", "--app", str(app), "--run", "--html", str(file))

    page = file.read_text("utf-8")
    assert "binding data built" in page
    assert "http://" not in page.split('id="capsule"')[0]


def test_a_code_still_needs_no_word_before_it() -> None:
    code, text = explain("FJ0202")

    assert code == 0
    assert text.startswith("FJ0202")


def test_a_code_that_does_not_exist_is_wrong_usage() -> None:
    code, text = explain("FJ9999")

    assert code == 2
    assert text.startswith("There is no code FJ9999.")


def test_an_expression_token_by_token() -> None:
    code, text = explain("expression", "{headers.x-user}-{nope}", "--header", "X-User: ann")

    assert code == 1
    assert "ann" in text
    assert "{nope} has no value" in text
