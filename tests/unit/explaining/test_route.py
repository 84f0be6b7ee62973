"""explain route: which function an event reaches, and what differs in the others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from funcjson.explaining.route import explain_route
from funcjson.explaining.text import route_text


def trigger(
    event: str, category: str = "messages", hub: str = "chat", **more: Any
) -> dict[str, Any]:
    return {
        "bindings": [
            {
                "type": "signalRTrigger",
                "direction": "in",
                "name": "call",
                "hubName": hub,
                "category": category,
                "event": event,
                **more,
            }
        ]
    }


def write(root: Path, **functions: dict[str, Any]) -> Path:
    (root / "host.json").write_text('{"version": "2.0"}', "utf-8")
    for name, document in functions.items():
        (root / name).mkdir()
        (root / name / "function.json").write_text(json.dumps(document, indent=1), "utf-8")
        (root / name / "index.js").write_text("module.exports = async () => {};\n", "utf-8")
    return root


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return write(
        tmp_path,
        onSend=trigger("sendMessage", parameterNames=["text", "room"]),
        onNews=trigger("sendMessage", hub="news"),
        onConnected=trigger("connected", "connections"),
        off=trigger("ping"),
        broken={"bindings": [{"type": "signalRTrigger", "name": "x"}]},
    )


async def test_letter_case_does_not_matter(app: Path) -> None:
    document = await explain_route(app, "CHAT", "SENDMESSAGE", None, {})

    assert (document["function"], document["category"]) == ("onSend", "messages")
    assert document["triggers"][0]["chosen"]
    assert "exactly 2 argument(s): text, room" in document["hints"][0]


async def test_connected_is_a_connection_event_without_being_told(app: Path) -> None:
    document = await explain_route(app, "chat", "connected", None, {})

    assert (document["function"], document["category"]) == ("onConnected", "connections")


async def test_a_near_miss_names_the_part_and_its_place(app: Path) -> None:
    document = await explain_route(app, "chat", "sendMesage", None, {})

    assert document["function"] is None
    assert "did you mean event 'sendMessage' (onSend, onSend/function.json:" in document["hints"][0]
    assert [one["part"] for one in document["triggers"][0]["differs"]] == ["event"]


@pytest.mark.parametrize(
    ("hub", "event", "meant"),
    [
        (
            "chat",
            "connect",
            "did you mean category 'connections' and event 'connected' (onConnected,",
        ),
        (
            "chta",
            "connect",
            "did you mean hub 'chat' and category 'connections' and event 'connected'",
        ),
        ("chta", "sendMesage", "did you mean hub 'chat' and event 'sendMessage' (onSend,"),
    ],
)
async def test_several_slips_at_once_are_still_near(
    app: Path, hub: str, event: str, meant: str
) -> None:
    document = await explain_route(app, hub, event, None, {})

    assert document["hints"][0].startswith(meant)
    assert not any("the nearest is" in hint for hint in document["hints"])


async def test_another_category_is_one_difference(app: Path) -> None:
    document = await explain_route(app, "chat", "connected", "messages", {})

    assert any("only its category 'connections' differs" in hint for hint in document["hints"])


async def test_a_disabled_function_does_not_listen(app: Path) -> None:
    document = await explain_route(app, "chat", "ping", None, {"AzureWebJobs.off.Disabled": "true"})

    assert document["function"] is None
    assert "off fits, but it is disabled" in document["hints"]


async def test_a_function_that_did_not_load_is_named(app: Path) -> None:
    document = await explain_route(app, "chat", "x", None, {})

    assert "broken" in [row["function"] for row in document["notLoaded"]]


async def test_events_and_categories_that_do_not_exist(app: Path) -> None:
    odd = await explain_route(app, "chat", "left", "connections", {})
    unknown = await explain_route(app, "chat", "x", "clients", {})

    assert "the category connections has the events connected and disconnected only" in odd["hints"]
    assert "there are two categories: connections and messages" in unknown["hints"]


async def test_an_app_without_triggers_says_so(tmp_path: Path) -> None:
    http = {"bindings": [{"type": "httpTrigger", "direction": "in", "name": "req"}]}

    document = await explain_route(write(tmp_path, page=http), "chat", "x", None, {})

    assert document["triggers"] == []
    assert document["hints"][0].startswith("the app has no signalRTrigger function")


async def test_a_trigger_of_another_language_fits_but_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, shout=trigger("shout", hub="lab"))
    values = {"FUNCTIONS_WORKER_RUNTIME": "python"}

    document = await explain_route(tmp_path, "lab", "shout", None, values)
    other = await explain_route(tmp_path, "lab", "shuot", None, values)

    why = "it is left out: it is node, and the app is python (FJ0144)"
    assert document["hints"][0] == f"shout fits, but {why}"
    assert f"shout (lab, messages, shout): {why}" in route_text(document)
    assert f"event 'shout' is not 'shuot'; {why}" in route_text(other)
