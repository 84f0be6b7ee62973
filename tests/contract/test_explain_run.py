"""explain request --run: a real worker, a local service, clients over real sockets; nothing leaves this machine."""

from __future__ import annotations

import hashlib
import json
import logging
import venv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.unit.explaining.explained_app import SEND, write_app

from funcjson.bindings.signalr_webhook import local_event
from funcjson.bindings.timer_trigger import FIRED, timer_payload
from funcjson.explaining.clients import Clients, parse_client
from funcjson.explaining.request import Asked, explain_request
from funcjson.explaining.route import explain_route
from funcjson.explaining.stage import open_stage
from funcjson.inspector.capsule import make_capsule, read_capsule
from funcjson.model import HttpRequest, TriggerEvent
from funcjson.replay import Difference, replay, report
from funcjson.trace_view import view

SETTING = "AzureSignalRConnectionString"
KEY = "the-key-of-a-service-in-the-cloud-0123456789"
AZURE = f"Endpoint=https://name.service.signalr.net;AccessKey={KEY};Version=1.0;"


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("funcjson"), "disabled", True)


async def run(root: Path, url: str, *clients: str, body: bytes = b"hello") -> list[dict[str, Any]]:
    asked = Asked("POST", url, body=body, run=True, clients=tuple(map(parse_client, clients)))
    document = await explain_request(root, asked, {})
    assert document["ran"]
    steps: list[dict[str, Any]] = document["steps"]
    return steps


async def test_who_received_what_and_who_did_not(tmp_path: Path) -> None:
    steps = await run(
        write_app(tmp_path), "/api/send/ann", "ann", "ann@news", "bob@chat+lobby", "@chat"
    )

    (delivery,) = steps[8]["deliveries"]
    heard = {client["client"]: client["messages"] for client in steps[8]["clients"]}
    assert delivery["delivered"] == 1
    assert heard == {
        "ann": [{"target": "news", "arguments": ["hello"]}],
        "ann@news": [],
        "bob@chat+lobby": [],
        "@chat": [],
    }
    assert [one["user"] for one in delivery["got"]] == ["ann"]
    assert [(one["user"], one["why"].partition(":")[0]) for one in delivery["missed"]] == [
        ("bob", "other user"),
        (None, "other user"),
        ("ann", "other hub"),
    ]
    assert [client["why"] for client in steps[8]["clients"]] == [
        [],
        ["other hub: it is in 'news', the message went to 'chat'"],
        ["other user: it is 'bob', the message is for 'ann'"],
        ["other user: it is without a user id, the message is for 'ann'"],
    ]
    assert [line["text"] for line in steps[5]["lines"]] == ["sending"]
    assert steps[7]["answer"]["status"] == 200


async def test_nobody_is_there(tmp_path: Path) -> None:
    steps = await run(write_app(tmp_path), "/api/send/Ann", "ann@chat")

    (delivery,) = steps[8]["deliveries"]
    assert delivery["delivered"] == 0
    assert "hub 'chat' has no user 'Ann' with a connection; did you mean 'ann'" in delivery["why"]


async def test_a_service_in_the_cloud_is_played_by_the_local_one(tmp_path: Path) -> None:
    steps = await run(write_app(tmp_path, **{SETTING: AZURE}), "/api/send/ann", "ann")

    (call,) = steps[7]["calls"]
    assert call["url"].startswith("https://name.service.signalr.net/api/hubs/chat/")
    assert "'https://name.service.signalr.net/api/hubs/chat/" in call["curl"]
    assert steps[7]["hints"] == [
        "a local service stood in for https://name.service.signalr.net: nothing left this machine"
    ]
    assert KEY not in json.dumps(steps)


async def test_without_a_connection_string_the_address_is_that_of_start(tmp_path: Path) -> None:
    steps = await run(write_app(tmp_path), "/api/send/ann", "ann")

    assert steps[7]["calls"][0]["url"].startswith("http://localhost:8888/api/hubs/chat/users/ann/")


async def test_a_handler_that_raises_is_told_with_its_place(tmp_path: Path) -> None:
    write_app(tmp_path)
    (tmp_path / "send" / "__init__.py").write_text(
        "def main(req, messages):\n    raise ValueError('no such room')\n", "utf-8"
    )

    steps = await run(tmp_path, "/api/send/ann")

    assert steps[5]["state"] == "failed"
    assert "no such room" in steps[5]["problems"][0]["what"]
    assert steps[7]["answer"]["status"] == 500


@pytest.mark.parametrize(
    "body",
    [b'{"a":1,"b":   2.50, "big":12345678901234567890123, "a":3}', b"x" * 5_000],
    ids=["JSON", "long text"],
)
async def test_a_replay_sends_the_body_byte_for_byte(tmp_path: Path, body: bytes) -> None:
    write_app(tmp_path)
    (tmp_path / "send" / "__init__.py").write_text(
        "import hashlib\n\n\ndef main(req, messages):\n"
        "    return hashlib.sha256(req.get_body()).hexdigest()\n",
        "utf-8",
    )
    asked = Asked("POST", "/api/send/ann", (("content-type", "application/json"),), body, run=True)
    before = await explain_request(tmp_path, asked, {})
    capsule = read_capsule(make_capsule(before, "", ""))

    done = await replay(capsule, tmp_path, {})

    assert before["steps"][7]["answer"]["body"] == hashlib.sha256(body).hexdigest()
    assert done.differences == ()


SIGNALR_EVENT = local_event(
    "Chat",
    "messages",
    "add",
    "c1",
    user_id="ann",
    arguments=[2, 3],
    signature="sha256=ab",
    invocation_id="1",
)
CAME = local_event("chat", "connections", "connected", "c1", user_id="ann")
GRID_EVENT = {
    "eventType": "Microsoft.SignalRService.ClientConnectionConnected",
    "data": {"userId": "ann"},
}
STATE = timer_payload(datetime(2026, 11, 30, tzinfo=UTC), None, False)
TRIGGERS: dict[str, tuple[dict[str, Any], str]] = {
    "add": (
        {
            "type": "signalRTrigger",
            "hubName": "chat",
            "category": "messages",
            "event": "add",
            "parameterNames": ["left", "right"],
        },
        "import json\n\n\ndef main(it):\n    return sum(json.loads(it)['Arguments'])\n",
    ),
    "came": (
        {
            "type": "signalRTrigger",
            "hubName": "chat",
            "category": "connections",
            "event": "connected",
        },
        "import json\n\n\ndef main(it, messages):\n"
        "    who = json.loads(it)['ConnectionId']\n"
        "    messages.set(json.dumps({'action': 'add', 'connectionId': who, 'groupName': 'g'}))\n",
    ),
    "grid": ({"type": "eventGridTrigger"}, "def main(it):\n    it.get_json()['userId']\n"),
    "hand": ({"type": "manualTrigger"}, "def main(it):\n    assert it == 'some text'\n"),
}


def write_triggers(root: Path) -> Path:
    """The app with one function for each other trigger."""
    write_app(root)
    for name, (trigger, handler) in TRIGGERS.items():
        (root / name).mkdir()
        binding = {"direction": "in", "name": "it", **trigger}
        bindings = [binding, SEND] if "messages.set" in handler else [binding]
        (root / name / "function.json").write_text(json.dumps({"bindings": bindings}), "utf-8")
        (root / name / "__init__.py").write_text(handler, "utf-8")
    return root


async def capsule_of(root: Path, function: str, event: TriggerEvent) -> dict[str, Any]:
    """What a file has that was saved of an invocation."""
    async with open_stage(root, {}, run=True) as stage:
        plan = stage.version.plan(function)
        assert plan is not None
        document = view(await stage.run(plan, event), stage.access_keys)
    assert document["outcome"] == "succeeded", document["problems"]
    return read_capsule(make_capsule(document, "", ""))


@pytest.mark.parametrize(
    ("function", "event"),
    [
        ("add", TriggerEvent("signalRTrigger", payload=SIGNALR_EVENT, reason="SignalR messages")),
        ("came", TriggerEvent("signalRTrigger", payload=CAME, reason="SignalR connections")),
        ("grid", TriggerEvent("eventGridTrigger", payload=GRID_EVENT, reason="Event Grid event")),
        ("tick", TriggerEvent("timerTrigger", payload=STATE, reason=f"{FIRED}2026-11-30T12:15:30+00:00")),
        ("tick", TriggerEvent("timerTrigger")),
        ("hand", TriggerEvent("manualTrigger", payload="some text")),
    ],
    ids=["SignalR", "connected", "Event Grid", "timer", "timer by hand", "by hand"],
)  # fmt: skip
async def test_an_event_is_replayed_as_it_was(
    tmp_path: Path, function: str, event: TriggerEvent
) -> None:
    before = await capsule_of(write_triggers(tmp_path), function, event)

    done = await replay(before, tmp_path, {})

    assert done.document["steps"][0]["reason"] == before["steps"][0]["reason"]
    assert "Nothing differs." in report(done)


async def test_another_result_and_another_hub_are_differences(tmp_path: Path) -> None:
    event = TriggerEvent("signalRTrigger", payload=SIGNALR_EVENT)
    before = await capsule_of(write_triggers(tmp_path), "add", event)
    document = tmp_path / "add" / "function.json"
    document.write_text(document.read_text().replace('"chat"', '"lab"'))
    (tmp_path / "add" / "__init__.py").write_text("def main(it):\n    return 7\n")

    done = await replay(before, tmp_path, {})

    assert done.differences == (
        Difference(2, "hubName", "chat", "lab"),
        Difference(8, "result for a client that calls invoke", 5, 7),
    )


async def test_a_connection_that_is_gone_is_no_difference(tmp_path: Path) -> None:
    write_app(tmp_path)
    (tmp_path / "send" / "__init__.py").write_text(
        "import json\n\n\ndef main(req, messages):\n"
        "    who = req.route_params['who']\n"
        "    messages.set(json.dumps({'action': 'remove', 'connectionId': who, 'groupName': 'g'}))\n"
        "    return 'done'\n",
        "utf-8",
    )
    async with (
        open_stage(tmp_path, {}, run=True) as stage,
        Clients(stage, [parse_client("@chat+g")], ["chat"]) as clients,
    ):
        (client,) = await clients.heard()
        url = f"http://localhost:7071/api/send/{client['connection']}"
        request = HttpRequest("POST", url, route_params={"who": client["connection"]})
        plan = stage.version.plan("send")
        assert plan is not None
        trace = await stage.run(plan, TriggerEvent("httpTrigger", request))
        before = view(trace, stage.access_keys)
    assert before["outcome"] == "succeeded", before["problems"]

    done = await replay(read_capsule(make_capsule(before, "", "")), tmp_path, {})

    assert done.document["outcome"] == "failed"
    assert done.differences == ()
    assert "note: a request names a connection, which is not there" in report(done)


async def test_an_http_function_that_was_set_off_by_hand_is_replayed(tmp_path: Path) -> None:
    write_app(tmp_path)
    asked = Asked("POST", "/admin/functions/negotiate", body=b'{"input": "hi"}', run=True)
    before = await explain_request(tmp_path, asked, {})

    done = await replay(read_capsule(make_capsule(before, "", "")), tmp_path, {})

    assert done.document["steps"][0]["request"]["body"] == "hi"
    assert done.differences == ()


async def test_code_that_cannot_be_read_is_why_no_function_answers(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / "function_app.py").write_text("import azure.nosuchmodule\n")

    document = await explain_request(tmp_path, Asked("GET", "/api/any"), {})
    route = await explain_route(tmp_path, "chat", "ping", None, {})

    first, second = document["problems"]
    said = "the app's python code could not be read for functions: ModuleNotFoundError: No module named "
    assert first["code"] == "FJ0247"
    assert first["why"] == f"{said}'azure.nosuchmodule' (function_app.py:1:1)"
    assert first["fix"].startswith("mend it: ")
    assert (second["code"], second["line"]) == ("FJ0148", 1)
    assert route["hints"][0] == first["why"]


async def test_a_worker_that_does_not_start_is_why_no_function_answers(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / "function_app.py").write_text("import azure.functions\n")
    venv.create(tmp_path / ".venv", with_pip=False)

    document = await explain_request(tmp_path, Asked("GET", "/api/any"), {})

    first, second = document["problems"]
    assert (first["code"], second["code"]) == ("FJ0247", "FJ0511")
    assert first["why"] == second["what"] == "the app's Python has no module 'azure.functions'"
    assert "start with --install" in first["fix"]
