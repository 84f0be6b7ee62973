"""An invocation for the page: the row of the list, and hints beside its steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.unit.inspector.inspected_host import InspectedHost, http, inspected, message

from funcjson.app_facts import facts_of
from funcjson.bindings.signalr_webhook import local_event
from funcjson.cors import CorsPolicy
from funcjson.inspector.documents import document, row, target_of
from funcjson.model import CallResult, TriggerEvent
from funcjson.trace import InvocationTrace


def hints(host: InspectedHost, trace: InvocationTrace, step: int) -> list[str]:
    made = document(host, trace, facts_of(host.version))
    found: list[str] = made["steps"][step - 1]["hints"]
    return found


def shown_row(host: InspectedHost, trace: InvocationTrace) -> dict[str, Any]:
    return row(trace, facts_of(host.version))


async def test_a_message_that_nobody_got(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        trace = await host.invoke("send", http("/api/send?x=1"), message("newMessage"))
        found = shown_row(host, trace)

    assert (found["title"], found["what"]) == ("send", "POST /api/send")
    assert (found["sends"], found["nobody"], found["delivered"]) == (1, 1, 0)
    assert (found["status"], found["unheard"], found["unbound"]) == (204, False, False)


async def test_a_target_that_no_page_listens_for(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        trace = await host.invoke("send", http("/api/send"), message("newMesage"))

        assert shown_row(host, trace)["unheard"]
        assert any("did you mean 'newMessage'?" in hint for hint in hints(host, trace, 9))


async def test_a_name_that_no_binding_has(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        result = CallResult({"message": {"json": "{}"}, "res": {"http": {"status": "404"}}})
        found = shown_row(host, await host.invoke("send", http("/api/send"), result))

    assert found["unbound"]
    assert found["status"] == 404


async def test_a_member_that_does_nothing(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        trace = await host.invoke("send", http("/api/send"), message("newMessage", user="ann"))

        assert shown_row(host, trace)["remarked"]
        (hint,) = hints(host, trace, 7)
        right = await host.invoke("send", http("/api/send"), message("newMessage"))
        assert not shown_row(host, right)["remarked"]

    assert hint == "output 'messages': the value: 'user' does nothing; did you mean 'userId'?"


async def test_the_triggers_that_an_event_did_not_go_to(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        event = local_event("chat", "messages", "pnig", "c1", arguments=[])
        trace = await host.invoke("ping", TriggerEvent("signalRTrigger", payload=event))
        (row,) = document(host, trace, facts_of(host.version))["steps"][1]["rejected"]

    assert (row["function"], row["route"]) == ("ping", "chat · messages · ping")
    assert row["why"].startswith("event 'ping' is not 'pnig' (ping/function.json:")


async def test_a_failure_was_answered_500(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        trace = await host.invoke("negotiate", http("/api/negotiate"))

        found = shown_row(host, trace)
    assert (found["outcome"], found["status"], found["codes"]) == ("failed", 500, ["FJ0302"])


async def test_the_functions_that_were_not_chosen(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        trace = await host.invoke("send", http("/api/send"))
        made = document(host, trace, facts_of(host.version))

    assert [one["function"] for one in made["steps"][1]["rejected"]] == ["negotiate"]
    assert "service-embedded" in [rule["id"] for rule in made["steps"][4]["rules"]]


async def test_a_page_elsewhere_may_not_read_the_answer(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        event = http("/api/send", ("Origin", "https://elsewhere.example"))
        trace = await host.invoke("send", event)

        assert "does not let the page read the answer" in hints(host, trace, 1)[0]
        host.cors = CorsPolicy(any_origin=True, configured=True)
        assert hints(host, trace, 1) == []


async def test_a_page_of_this_host_is_no_matter_of_cors(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        event = http("/api/send", ("Origin", "http://localhost:7071"))
        made = document(host, await host.invoke("send", event), facts_of(host.version))

    assert made["steps"][0]["cors"] is None


async def test_a_connection_that_ended_before_the_send(tmp_path: Path) -> None:
    async with inspected(tmp_path) as host:
        host.server.trace.record("ConnectionEnded", {"hub": "chat", "connectionId": "c1"})
        sent = message("newMessage", connectionId="c1")
        trace = await host.invoke("send", http("/api/send"), sent)

        assert any(h.startswith("connection 'c1' ended 0.") for h in hints(host, trace, 9))


@pytest.mark.parametrize(
    ("sent", "gone"),
    [
        ({"groupName": "blue"}, "the last member of group 'blue', ann, ended 0."),
        ({}, "the last connection of hub 'chat', ann, ended 0."),
        ({"userId": "ann"}, "the last connection of user 'ann' ended 0."),
        ({"groupName": "red"}, None),
    ],
    ids=["group", "all", "user", "another group"],
)
async def test_the_last_that_could_have_got_it_ended_before_the_send(
    tmp_path: Path, sent: dict[str, str], gone: str | None
) -> None:
    async with inspected(tmp_path) as host:
        ended = {"hub": "chat", "connectionId": "c1", "userId": "ann", "groups": ["blue"]}
        host.server.trace.record("ConnectionEnded", ended)
        trace = await host.invoke("send", http("/api/send"), message("newMessage", **sent))
        found = hints(host, trace, 9)

    assert [hint.startswith(gone or "") for hint in found] == ([True] if gone else [])


def test_the_target_of_a_rest_body() -> None:
    assert target_of(b'{"Target": "x"}') == "x"
    assert target_of(b"[]") == ""
    assert target_of(b"no") == ""
