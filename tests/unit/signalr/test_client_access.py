"""Who may connect, and what the token grants."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from funcjson.signalr.client_access import (
    TRANSPORTS,
    Refused,
    caller_of,
    claimed_user,
    grants_of,
    public_query,
    read_request,
)
from funcjson.signalr.options import ServiceOptions
from funcjson.signalr.session import Caller
from funcjson.signalr.token_check import AudienceRule, TokenReader

KEY = "k" * 44
NOW = 1_700_000_000
OPTIONS = ServiceOptions(keys=(KEY,), wall=lambda: NOW)


def token(**claims: Any) -> str:
    good = {"aud": "http://localhost/client/?hub=chat", "exp": NOW + 60, "nameid": "ann"}
    return jwt.encode({**good, **claims}, KEY, algorithm="HS256")


def ask(target: str, **headers: str) -> Caller | Refused:
    request = read_request("GET", target, headers)
    return caller_of(request, OPTIONS, TokenReader((KEY,)), AudienceRule())


def test_a_good_request_has_a_caller() -> None:
    found = ask("/client/?hub=Chat&x=1&id=secret", authorization=f"Bearer {token()}")

    assert isinstance(found, Caller)
    assert (found.hub, found.user_id, found.query) == ("chat", "ann", "?hub=Chat&x=1")


def test_the_header_wins_over_the_query() -> None:
    query = f"/client/?hub=chat&access_token={token(nameid='query')}"
    both = ask(query, authorization=f"bearer {token(nameid='header')}")
    one = ask(query)

    assert isinstance(both, Caller) and isinstance(one, Caller)
    assert (both.user_id, one.user_id) == ("header", "query")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/client/", 400),
        ("/client/?hub=", 400),
        ("/client/?hub=a&hub=a", 400),
        ("/client/?hub=my-hub", 400),
        ("/client/?hub=chat", 401),
        ("/client/?hub=chat&access_token=x", 401),
        ("/client/?hub=%ff%fe&access_token=x", 400),
    ],
)
def test_a_refusal_has_its_status(target: str, status: int) -> None:
    found = ask(target)

    assert isinstance(found, Refused)
    assert found.status == status
    assert ("WWW-Authenticate" in found.headers) is (status == 401)


def test_a_refused_token_has_a_hint_without_the_token() -> None:
    wrong = token(aud="http://localhost/client/?hub=other")
    found = ask("/client/?hub=chat", authorization=f"Bearer {wrong}")

    assert isinstance(found, Refused)
    assert found.text == ""
    assert "hub 'other'" in found.hint
    assert wrong not in found.hint


def test_parameters_ignore_letter_case_and_the_last_value_counts() -> None:
    request = read_request("POST", "/client/negotiate?NegotiateVersion=0&negotiateversion=1", {})

    assert request.last("negotiateVersion") == "1"
    assert request.last("absent") is None


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("hub=chat", "?hub=chat"),
        ("hub=chat&id=1&access_token=x&_=5&ACCESS_TOKEN=y", "?hub=chat"),
        ("a=%20b&a=c&empty=", "?a=+b&a=c&empty="),
        ("access_token=x", ""),
        ("", ""),
    ],
)
def test_upstream_sees_no_secret_of_the_query(query: str, shown: str) -> None:
    assert public_query(read_request("GET", f"/client/?{query}", {})) == shown


@pytest.mark.parametrize(
    ("claims", "member", "value"),
    [
        ({}, "transports", frozenset(TRANSPORTS)),
        ({"asrs.s.htt": 4}, "transports", frozenset({"LongPolling"})),
        ({"asrs.s.htt": "3"}, "transports", frozenset({"WebSockets", "ServerSentEvents"})),
        ({"asrs.s.htt": 0}, "transports", frozenset(TRANSPORTS)),
        ({"asrs.s.htt": "x"}, "transports", frozenset(TRANSPORTS)),
        ({"asrs.s.cht": 20}, "handshake_timeout_s", 20.0),
        ({"asrs.s.cht": 31}, "handshake_timeout_s", 15.0),
        ({"asrs.s.ttl": "300"}, "poll_idle_s", 300.0),
        ({"asrs.s.ttl": 0}, "poll_idle_s", 5.0),
        ({"asrs.s.ttl": [1]}, "poll_idle_s", 5.0),
        ({"asrs.s.aeo": 5}, "closes_at", None),
        ({"asrs.s.coae": "true", "asrs.s.aeo": 5}, "closes_at", 5.0),
        ({"asrs.s.coae": "true"}, "closes_at", None),
        ({"asrs.s.derror": "True"}, "detailed_errors", True),
        ({"asrs.s.derror": True}, "detailed_errors", True),
        ({"asrs.s.dc": "true"}, "diagnostic", True),
        ({"asrs.s.dc": "no"}, "diagnostic", False),
    ],
)
def test_what_a_token_grants(claims: dict[str, Any], member: str, value: object) -> None:
    assert getattr(grants_of(claims, OPTIONS), member) == value


def test_the_user_that_a_token_names_is_known_although_it_is_no_good() -> None:
    forged = jwt.encode({"asrs.s.uid": "ann"}, "x" * 40, algorithm="HS256")
    asked = read_request("POST", f"/client/negotiate?hub=chat&access_token={forged}", {})

    assert claimed_user(asked) == "ann"
    assert claimed_user(read_request("POST", "/client/negotiate?hub=chat", {})) is None
