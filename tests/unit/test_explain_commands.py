"""funcjson explain, as a user types it: words, exit codes, text and JSON."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

import jwt
import pytest
from tests.unit.explaining.explained_app import write_app

from funcjson.cli import main
from funcjson.explain_commands import SUBJECTS

Output = pytest.CaptureFixture[str]


def explain(output: Output, *words: str) -> tuple[int, str]:
    code = main(["explain", *words])
    told = output.readouterr()
    return code, told.out + told.err


def token(**claims: object) -> str:
    given = {"aud": "http://localhost/client/?hub=chat", "exp": time.time() + 600, **claims}
    return jwt.PyJWS().encode(json.dumps(given).encode(), "k" * 40, algorithm="HS256")


@pytest.mark.parametrize("code", ["FJ0202", "fj0202", "202"])
def test_a_code_needs_no_word_before_it(code: str, capsys: Output) -> None:
    status, text = explain(capsys, code)

    assert status == 0
    assert text.startswith("FJ0202  a property is missing")


def test_a_code_that_does_not_exist_names_the_nearest(capsys: Output) -> None:
    assert "There is no code FJ0299" in explain(capsys, "FJ0299")[1]


def test_the_usage_names_each_subject(capsys: Output) -> None:
    status, text = explain(capsys)

    assert status == 2
    assert all(f"explain {subject}" in text for subject in SUBJECTS)


@pytest.mark.parametrize("words", [("--help",), ("-h",), *((one, "--help") for one in SUBJECTS)])
def test_help_is_there_for_all_and_for_each(words: tuple[str, ...], capsys: Output) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["explain", *words])

    assert caught.value.code == 0
    assert "usage: funcjson explain" in capsys.readouterr().out


def test_an_expression(capsys: Output) -> None:
    words = (
        "expression",
        "%Hub%-{headers.x-user}",
        "--header",
        "X-User: ann",
        "--setting",
        "Hub=chat",
    )

    status, text = explain(capsys, *words)

    assert status == 0
    assert 'value  "chat-ann"' in text
    assert "(same as Azure) %NAME% is replaced by a setting" in text


def test_an_expression_without_a_value(capsys: Output) -> None:
    status, text = explain(capsys, "expression", "{query.Name}", "--query", "name=Amy")

    assert status == 1
    assert "error[FJ0302] {query.Name} has no value" in text
    assert "did you mean {query.name}?" in text


def test_everything_of_a_request_can_be_given(capsys: Output) -> None:
    words = ("expression", "{room}{n}", "--route", "room=r", "--body", '{"n": 1}', "--json")

    status, text = explain(capsys, *words)

    assert status == 0
    assert json.loads(text)["value"] == "r1"


@pytest.mark.parametrize(
    "words",
    [
        ("expression", "{x}", "--header", "no-colon"),
        ("expression", "{x}", "--setting", "no-equals"),
        ("request", "GET"),
        ("request", "GET", "/x", "--client", "alice"),
        ("request", "GET", "/x", "--run", "--client", "a@b@c"),
        ("route", "--hub", "chat"),
        ("why", "ann"),
        ("token",),
    ],
)
def test_wrong_usage(words: tuple[str, ...], capsys: Output) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["explain", *words])

    assert caught.value.code == 2
    assert f"usage: funcjson explain {words[0]}" in capsys.readouterr().err


def test_a_request_is_told_in_steps(tmp_path: Path, capsys: Output) -> None:
    app = str(write_app(tmp_path))

    status, text = explain(
        capsys, "request", "post", "/api/negotiate", "--app", app, "--as", "alice"
    )

    assert status == 0
    for words in (
        "1. trigger arrived",
        "2. function chosen",
        "5. inputs bound",
        "asrs.s.uid",
        "Add --run",
    ):
        assert words in text
    assert "eyJhbGciOi" not in text


def test_a_request_that_would_fail_ends_with_1(tmp_path: Path, capsys: Output) -> None:
    app = str(write_app(tmp_path))

    status, text = explain(capsys, "request", "POST", "/api/negotiate", "--app", app)

    assert status == 1
    assert "4. expressions resolved  FAILED" in text
    assert "at     negotiate/function.json:" in text
    assert "not reached: inputs bound, handler called, outputs collected, delivered" in text


def test_a_request_as_json_and_as_a_page(tmp_path: Path, capsys: Output) -> None:
    app, page = str(write_app(tmp_path)), tmp_path / "saved.html"
    (tmp_path / "body.txt").write_text("from a file", "utf-8")
    body = f"@{tmp_path / 'body.txt'}"
    words = ("POST", "/api/send/ann", "--app", app, "--body", body, "--json", "--html", str(page))

    status, text = explain(capsys, "request", *words)

    document = json.loads(text)
    assert status == 0
    assert [step["number"] for step in document["steps"]] == list(range(1, 10))
    assert document["steps"][0]["request"]["body"] == "from a file"
    assert "from a file" in page.read_text("utf-8")


def test_a_folder_that_is_no_app(tmp_path: Path, capsys: Output) -> None:
    status, text = explain(capsys, "request", "GET", "/x", "--app", str(tmp_path / "nowhere"))

    assert status == 1
    assert "error[FJ01" in text


def test_an_expired_token(capsys: Output) -> None:
    status, text = explain(capsys, "token", token(exp=time.time() - 7200))

    assert status == 1
    assert "failed       expiry" in text
    assert "not checked  signature" in text
    assert "the service answers 401 when the client negotiates" in text


def test_a_token_from_standard_input_with_an_apps_key(
    tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"Mine": f"Endpoint=http://localhost:8888;AccessKey={'k' * 40};"}
    app = str(write_app(tmp_path, **settings))
    monkeypatch.setattr("sys.stdin", io.StringIO(f"Bearer {token()}"))

    status, text = explain(capsys, "token", "-", "--app", app, "--key-setting", "Mine")

    assert status == 0
    assert "a token for client: good" in text
    assert "k" * 40 not in text


def test_a_connection_string_that_cannot_be_read_never_shows_its_key(
    tmp_path: Path, capsys: Output
) -> None:
    app = str(write_app(tmp_path, Mine="Endpoint=nothttp;AccessKey=TOPSECRETKEY;"))

    status, text = explain(capsys, "token", token(), "--app", app, "--key-setting", "Mine")

    assert status == 1
    assert "error[FJ0306]" in text
    assert "TOPSECRETKEY" not in text


def test_an_event_that_matches_no_function(tmp_path: Path, capsys: Output) -> None:
    status, text = explain(
        capsys, "route", "--hub", "chat", "--event", "send", "--app", str(write_app(tmp_path))
    )

    assert status == 1
    assert "hub 'chat', category 'messages', event 'send': no function" in text
    assert "the app has no signalRTrigger function" in text


def test_a_service_that_does_not_run(capsys: Output) -> None:
    status, text = explain(capsys, "why", "ann", "lobby", "--service", "http://127.0.0.1:1")

    assert status == 1
    assert "error[FJ0414] the SignalR service at http://127.0.0.1:1 cannot be asked" in text


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("/api/send", "--body", "@nofile"), "FJ0160"),
        (("/api/send", "--html", "nosuchdir/x.html"), "FJ0160"),
        (("http://[bad",), "FJ0161"),
    ],
    ids=["body", "html", "url"],
)
def test_typing_errors_are_problems_with_a_remedy(
    words: tuple[str, ...], code: str, tmp_path: Path, capsys: Output
) -> None:
    app = str(write_app(tmp_path))

    status, text = explain(capsys, "request", "POST", *words, "--app", app)

    assert status == 1
    assert f"error[{code}]" in text
    assert "fix" in text
