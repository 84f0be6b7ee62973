"""explain token: each check by the service's own code, and never a key or a signature."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jwt
import pytest

from funcjson.explaining.token import Keys, bare_token, explain_token, keys_of
from funcjson.settings import load_settings
from funcjson.signalr.credentials import ServiceEndpoint, mint_client_token, mint_server_token
from funcjson.signalr.options import EMULATOR_KEY

NOW = 1_700_000_000.0
KEY = "the-key-of-these-tests-0123456789-0123456789"
ENDPOINT = ServiceEndpoint("http://localhost:8888", KEY)
KEYS = Keys((KEY,), "the setting S", ("http://localhost:8888",))
CLIENT = mint_client_token(ENDPOINT, "Chat", now=NOW, user_id="ann")
SERVER = mint_server_token(ENDPOINT, "api/hubs/chat/:send", now=NOW)


def states(document: dict[str, Any]) -> dict[str, str]:
    return {check["check"]: check["state"] for check in document["checks"]}


def signed(claims: dict[str, Any], key: str = KEY, algorithm: str = "HS256") -> str:
    return jwt.PyJWS().encode(json.dumps(claims).encode(), key, algorithm=algorithm)


def test_a_good_token_passes_each_check() -> None:
    document = explain_token(CLIENT, KEYS, now=NOW)

    assert states(document) == dict.fromkeys(
        ("form", "algorithm", "signature", "expiry", "audience"), "passed"
    )
    assert (document["kind"], document["user"], document["hub"], document["good"]) == (
        "client",
        "ann",
        "chat",
        True,
    )
    assert document["where"] is None


def test_the_emulators_key_is_told_as_such_also_for_an_app_without_keys() -> None:
    emulator = ServiceEndpoint("http://localhost:8888", EMULATOR_KEY)
    token = mint_client_token(emulator, "chat", now=NOW)
    keys = Keys((), "the app has no connection string in S")

    (row,) = [
        check
        for check in explain_token(token, keys, now=NOW)["checks"]
        if check["check"] == "signature"
    ]

    assert row["says"] == "made with the key of the official emulator, which everybody knows"


def test_a_token_for_rest() -> None:
    document = explain_token(SERVER, KEYS, now=NOW)

    assert (document["kind"], document["good"]) == ("server", True)


def client(
    audience: str | None = "http://localhost/client/?hub=chat", **claims: Any
) -> dict[str, Any]:
    given = {} if audience is None else {"aud": audience}
    return {**given, "exp": NOW + 60, **claims}


NO_EXPIRY = {"aud": "http://localhost/client/?hub=chat"}
ELSEWHERE = client("https://elsewhere.example/client/?hub=chat")


@pytest.mark.parametrize(
    ("token", "hub", "now", "check", "words"),
    [
        ("abc", None, NOW, "form", "not a JSON Web Token"),
        (signed(client(), KEY * 2, algorithm="HS384"), None, NOW, "algorithm", "HS256"),
        (signed(client(), "another-key-" * 4), None, NOW, "signature", "another key"),
        (CLIENT, None, NOW + 4000, "expiry", "expired 400 seconds ago"),
        (signed(NO_EXPIRY), None, NOW, "expiry", "needs an 'exp'"),
        (CLIENT, "news", NOW, "audience", "is for hub 'chat', the request for hub 'news'"),
        (signed(client(None)), None, NOW, "audience", "needs an 'aud'"),
        (signed(ELSEWHERE), None, NOW, "audience", "not a name of this service"),
    ],
    ids=["form", "algorithm", "key", "expired", "no exp", "hub", "no aud", "host"],
)
def test_which_check_fails(token: str, hub: str | None, now: float, check: str, words: str) -> None:
    document = explain_token(token, KEYS, hub=hub, now=now)

    failed = [row for row in document["checks"] if row["state"] == "failed"]
    assert [row["check"] for row in failed] == [check]
    assert words in failed[0]["says"]
    assert document["good"] is False
    assert document["where"]


def test_later_checks_are_made_too() -> None:
    document = explain_token(CLIENT, Keys(("k" * 40,), "S", KEYS.urls), hub="news", now=NOW + 9000)

    assert states(document) == {
        "form": "passed",
        "algorithm": "passed",
        "signature": "failed",
        "expiry": "failed",
        "audience": "failed",
    }


def test_without_a_key_the_signature_is_not_checked() -> None:
    document = explain_token(CLIENT, Keys((), ""), now=NOW)

    assert states(document)["signature"] == "not checked"
    assert document["good"] is None


def test_the_emulators_key_is_known() -> None:
    token = mint_client_token(ServiceEndpoint("http://localhost", EMULATOR_KEY), "chat", now=NOW)

    document = explain_token(token, Keys((), ""), now=NOW)

    assert document["good"] is True
    assert "official emulator" in document["checks"][2]["says"]


def test_neither_key_nor_signature_is_ever_told() -> None:
    signature = CLIENT.rpartition(".")[2]
    for keys in (KEYS, Keys(("wrong-key-" * 4,), "S")):
        text = json.dumps(explain_token(CLIENT, keys, now=NOW))

        assert signature not in text
        assert not [key for key in keys.keys if key in text]
    assert KEY not in repr(KEYS)


@pytest.mark.parametrize(
    "text",
    [
        f"Bearer {CLIENT}",
        f"http://localhost:8888/client/?hub=chat&access_token={CLIENT}",
        json.dumps({"url": "http://localhost:8888/client/?hub=chat", "accessToken": CLIENT}),
        f"  {CLIENT}\n",
    ],
)
def test_a_token_is_found_in_what_surrounds_it(text: str) -> None:
    assert bare_token(text) == CLIENT


def test_habits_are_named() -> None:
    id_token = signed({"iss": "https://login.example", "sub": "s", "aud": "app", "exp": NOW + 60})

    assert "bare token" in explain_token(f"Bearer {CLIENT}", KEYS, now=NOW)["hints"][0]
    assert "identity token" in explain_token(id_token, KEYS, now=NOW)["hints"][0]
    nobody = mint_client_token(ENDPOINT, "chat", now=NOW)
    assert "names no user" in explain_token(nobody, KEYS, now=NOW)["hints"][0]


def test_keys_come_from_the_apps_settings() -> None:
    values = {
        "Mine": f"Endpoint=http://localhost:8888;AccessKey={KEY};",
        "Azure__SignalR__Endpoints__east": "Endpoint=https://east.example;AccessKey=east-key;",
    }

    keys = keys_of(load_settings(Path("/nonexistent"), values), "Mine")

    assert keys.keys == ("east-key", KEY)
    assert keys.source == "endpoint east, the setting Mine"
    assert keys_of(None, "Mine").keys == ()


@pytest.mark.parametrize("signed", [True, False])
def test_a_running_service_says_whether_the_signature_is_its_own(signed: bool) -> None:
    keys = Keys((), "the service at http://localhost:8888", ("http://localhost:8888",), signed)

    document = explain_token(CLIENT, keys, now=NOW)

    assert states(document)["signature"] == ("passed" if signed else "failed")
    assert document["good"] is signed


def test_nothing_asked_is_nothing_compared() -> None:
    says = {c["check"]: c["says"] for c in explain_token(CLIENT, KEYS, now=NOW)["checks"]}
    asked = explain_token(CLIENT, KEYS, hub="chat", now=NOW)

    assert "--hub NAME compares its hub" in says["audience"]
    assert asked["checks"][4]["says"] == "it is for this service and for what is asked"


def test_an_app_without_a_connection_string_is_said_to_have_none(tmp_path: Path) -> None:
    keys = keys_of(load_settings(tmp_path, {}), "AzureSignalRConnectionString")

    (check,) = [
        c for c in explain_token(CLIENT, keys, now=NOW)["checks"] if c["check"] == "signature"
    ]

    assert check["says"].startswith("the app has no connection string in AzureSignalRConnectionStr")
    assert "--service http://localhost:8888 asks it" in check["says"]
