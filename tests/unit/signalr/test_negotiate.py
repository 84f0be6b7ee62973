"""Negotiate: ids that need no escaping, a version that is never newer than ours, transports as allowed."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from funcjson.signalr.client_access import TRANSPORTS, read_request
from funcjson.signalr.events import NoUpstream
from funcjson.signalr.negotiate import NOT_AN_INTEGER, negotiate
from funcjson.signalr.options import ServiceOptions
from funcjson.signalr.session import Caller, Grants
from funcjson.signalr.sessions import Sessions


def answer(query: str, *transports: str) -> tuple[dict[str, Any], Sessions]:
    sessions = Sessions(ServiceOptions(), NoUpstream())
    grants = Grants(frozenset(transports or TRANSPORTS), 15.0, 5.0)
    caller = Caller("chat", None, {}, "", grants)
    request = read_request("POST", f"/client/negotiate?{query}", {})
    return json.loads(negotiate(request, caller, sessions)), sessions


@pytest.mark.parametrize(
    ("query", "version"),
    [
        ("", 0),
        ("negotiateVersion=0", 0),
        ("negotiateVersion=1", 1),
        ("negotiateVersion=7", 1),
        ("negotiateVersion=-3", 0),
    ],
)
def test_versions(query: str, version: int) -> None:
    found, sessions = answer(query)
    token = found.get("connectionToken", found["connectionId"])

    assert found["negotiateVersion"] == version
    assert ("connectionToken" in found) is (version == 1)
    assert sessions.by_token[token].id == found["connectionId"]
    assert re.fullmatch(r"[\w-]{22}", token)


def test_a_version_that_is_no_number_is_refused_within_a_200() -> None:
    found, sessions = answer("negotiateVersion=abc")

    assert found == {"error": NOT_AN_INTEGER}
    assert sessions.by_token == {}


def test_stateful_reconnect_is_offered_only_when_asked_for() -> None:
    asked, sessions = answer("negotiateVersion=1&useStatefulReconnect=true")
    plain, _ = answer("negotiateVersion=1")

    assert asked["useStatefulReconnect"] is True
    assert sessions.by_token[asked["connectionToken"]].stateful
    assert "useStatefulReconnect" not in plain


def test_only_allowed_transports_are_offered() -> None:
    found, _ = answer("negotiateVersion=1", "LongPolling")

    assert found["availableTransports"] == [
        {"transport": "LongPolling", "transferFormats": ["Text", "Binary"]}
    ]
