"""The service's upstream requests, by their vectors: status, reason, what the function sees, the reply."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from funcjson.bindings import signalr_webhook as webhook
from funcjson.bindings.signalr_trigger import BINDING, SignalREvent
from funcjson.errors import BindingError, FuncJsonError, HandlerError, Problem
from funcjson.model import Binding, Direction, Function, Language, TriggerEvent
from funcjson.signalr.credentials import sign_connection

FILE = Path(__file__).parent / "vectors" / "webhook.json"
ROWS = json.loads(FILE.read_text(encoding="utf-8"))
KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
FUNCTIONS = {
    ("chat", "messages", "send"),
    ("chat", "connections", "connected"),
    ("chat", "connections", "disconnected"),
}


class Served:
    """One request, answered as a host answers it."""

    status = 0
    reason = ""
    body = b""
    event: SignalREvent | None = None
    failure: FuncJsonError | None = None

    def __init__(self, given: dict[str, Any]) -> None:
        try:
            self._serve(given)
        except webhook.WebhookRefused as refused:
            self.status, self.reason = refused.status, refused.reason

    def _serve(self, given: dict[str, Any]) -> None:
        headers = _headers(given)
        key = webhook.route_key(headers)
        if tuple(part.lower() for part in key) not in FUNCTIONS:
            self.status = 404
            return
        self.event = webhook.read_event(headers, json.dumps(given.get("body")).encode(), [KEY])
        properties = {"parameterNames": given.get("parameterNames", [])}
        trigger = Binding("invocation", "signalRTrigger", Direction.IN, properties, "/bindings/0")
        function = Function("onMessage", Path(), (trigger,), Language.PYTHON)
        try:
            BINDING.binding_data(
                TriggerEvent("signalRTrigger", payload=self.event), function, False
            )
            if "throws" in given:
                raise HandlerError(Problem("FJ0510", "the handler raised"), given["throws"])
        except (BindingError, HandlerError) as error:
            self.failure = error
            text = webhook.error_text(error, "invocation")
            self.status, self.body = webhook.answer(self.event, error=text)
        else:
            self.status, self.body = webhook.answer(self.event, result=given.get("returns"))


def _headers(given: dict[str, Any]) -> list[tuple[str, str]]:
    hub, category, event = given.get("key", ["chat", "messages", "send"])
    signature = sign_connection([KEY], "c1") if given.get("signature", "valid") == "valid" else "x"
    return [
        ("Content-Type", given.get("contentType", "application/json")),
        ("X-ASRS-Hub", hub),
        ("X-ASRS-Category", category),
        ("X-ASRS-Event", event),
        ("X-ASRS-Connection-Id", "c1"),
        ("X-ASRS-Signature", signature),
        *given.get("headers", {}).items(),
    ]


@pytest.mark.parametrize("vector", [pytest.param(row, id=row["title"]) for row in ROWS])
def test_webhook(vector: dict[str, Any]) -> None:
    given, expect = dict(vector["given"]), vector["expect"]
    given.setdefault("body", {"type": 1, "target": "send", "arguments": []})
    served = Served(given)

    assert served.status == expect.get("status", 200)
    if "reason" in expect:
        assert served.reason == expect["reason"]
    if "reply" in expect:
        assert served.body.decode() == (expect["reply"] or "")
    if "replyErrorContains" in expect:
        assert served.body.endswith(b"\x1e")
        assert expect["replyErrorContains"] in json.loads(served.body[:-1])["error"]
    if "innerMessage" in expect:
        assert served.failure is not None
        assert served.failure.problems[0].azure == expect["innerMessage"]
    if "context" in expect:
        assert served.event is not None
        context = served.event.context()
        assert {name: context[name] for name in expect["context"]} == expect["context"]
