"""Access tokens for curl."""

from __future__ import annotations

import time

import pytest

from funcjson.signalr.commands.token import token
from funcjson.signalr.credentials import AudienceRule, verify_client_token, verify_server_token

KEY = "k" * 44
RULE = AudienceRule()


def printed(capsys: pytest.CaptureFixture[str], url: str, user: str | None = None) -> str:
    assert token(url, KEY, user, 5) == 0
    return capsys.readouterr().out.strip()


def test_a_rest_token_is_good_for_its_path(capsys: pytest.CaptureFixture[str]) -> None:
    found = printed(capsys, "http://localhost:8888/api/hubs/Chat/:send?api-version=2022-06-01")
    claims = verify_server_token(found, [KEY], "/api/hubs/chat/:send", now=time.time(), rule=RULE)

    assert 290 < claims["exp"] - time.time() <= 300


@pytest.mark.parametrize("path", ["/client/", "/client", "/client/negotiate"])
def test_a_clients_token_says_who_it_is(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = printed(capsys, f"http://localhost:8888{path}?hub=chat", "ann")
    claims = verify_client_token(found, [KEY], "chat", now=time.time(), rule=RULE)

    assert claims["asrs.s.uid"] == "ann"


@pytest.mark.parametrize(
    ("url", "user", "minutes", "says"),
    [
        ("localhost:8888/api", None, 5, "must begin with http"),
        ("http://[x/api", None, 5, "not a URL"),
        ("http://localhost:8888/client/", "ann", 5, "names its hub"),
        ("http://localhost:8888/client/?hub=chat", "a" * 9000, 5, "shorter user id"),
        ("http://localhost:8888/api/hubs/chat/:send", "ann", 5, "REST has no user"),
        ("http://localhost:8888/api/hubs/chat/:send", None, 0, "at least one minute"),
    ],
)
def test_what_cannot_work_is_said(
    url: str, user: str | None, minutes: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert token(url, KEY, user, minutes) == 1
    assert says in capsys.readouterr().err
