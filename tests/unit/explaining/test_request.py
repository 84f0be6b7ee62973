"""explain request without a run: persona, CORS, preflights, functions fired by hand, hints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.explaining.explained_app import SEND, write_app

from funcjson.explaining.request import Asked, explain_request


async def explained(
    root: Path, method: str, url: str, *headers: tuple[str, str], **more: Any
) -> dict[str, Any]:
    return await explain_request(root, Asked(method, url, headers, **more), {})


def step(document: dict[str, Any], number: int) -> dict[str, Any]:
    found: dict[str, Any] = document["steps"][number - 1]
    return found


def rules(found: dict[str, Any]) -> list[str]:
    return [rule["id"] for rule in found["rules"]]


async def test_as_somebody_the_claims_name_the_user(tmp_path: Path) -> None:
    document = await explained(write_app(tmp_path), "POST", "/api/negotiate", persona="alice")

    claims = {
        claim["claim"]: claim["value"]
        for claim in step(document, 5)["inputs"][1]["tokens"][0]["claims"]
    }
    assert document["outcome"] == "explained"
    assert not document["ran"]
    assert claims["asrs.s.uid"] == "alice"
    assert step(document, 6)["state"] == "not run"
    assert "service-embedded" in rules(step(document, 5))


async def test_as_nobody_the_hint_says_how_to_be_somebody(tmp_path: Path) -> None:
    document = await explained(write_app(tmp_path), "POST", "/api/negotiate")

    assert step(document, 4)["state"] == "failed"
    assert "--as NAME" in step(document, 4)["hints"][0]


async def test_identity_headers_that_are_sent_are_believed_with_a_note(tmp_path: Path) -> None:
    sent = ("X-MS-CLIENT-PRINCIPAL-ID", "ann")

    document = await explained(write_app(tmp_path), "POST", "/api/negotiate", sent)

    assert document["outcome"] == "explained"
    assert "principal-believed" in rules(step(document, 1))


async def test_a_whole_url_and_repeated_headers_are_kept(tmp_path: Path) -> None:
    url = "http://127.0.0.1:9/api/send/ann?a=1&a=2"

    document = await explained(
        write_app(tmp_path), "post", url, ("X-A", "1"), ("X-A", "2"), body=b"hi"
    )

    request = step(document, 1)["request"]
    assert (request["method"], request["url"]) == ("POST", url)
    assert [(h["name"], h["value"]) for h in request["headers"]] == [
        ("Host", "127.0.0.1:9"),
        ("X-A", "1"),
        ("X-A", "2"),
        ("Content-Length", "2"),
    ]
    names = {row["name"]: row["value"] for row in step(document, 3)["names"]}
    assert (names["headers.x-a"], names["query.a"], names["who"]) == ("1,2", "2", "ann")


async def test_nothing_answers(tmp_path: Path) -> None:
    document = await explained(write_app(tmp_path), "GET", "/api/negotiat")

    assert document["outcome"] == "failed"
    assert step(document, 2)["problems"][0]["code"] == "FJ0247"
    assert step(document, 2)["state"] == "failed"


async def test_a_page_of_another_origin(tmp_path: Path) -> None:
    root = write_app(tmp_path)
    elsewhere = await explained(root, "POST", "/api/send/ann", ("Origin", "https://app.example"))
    local = await explained(root, "POST", "/api/send/ann", ("Origin", "http://localhost:3000"))

    refused, allowed = step(elsewhere, 1), step(local, 1)
    assert refused["cors"]["allowed"] is False
    assert "the browser does not let the page read the answer" in refused["hints"][0]
    assert allowed["cors"]["allowed"] is True
    assert {"name": "Access-Control-Allow-Credentials", "value": "true"} in allowed["cors"][
        "headers"
    ]
    assert "cors-local" in rules(allowed)


async def test_identity_headers_with_underscores_are_taught_as_such(tmp_path: Path) -> None:
    sent = ("X_MS_CLIENT_PRINCIPAL_ID", "bob")

    document = await explained(write_app(tmp_path), "POST", "/api/negotiate", sent)

    assert "principal-believed" in rules(step(document, 1))


async def test_a_preflight_is_answered_by_the_host(tmp_path: Path) -> None:
    origin, wanted = ("Origin", "http://localhost:3000"), ("Access-Control-Request-Method", "POST")

    document = await explained(write_app(tmp_path), "OPTIONS", "/api/negotiate", origin, wanted)

    names = [header["name"] for header in step(document, 1)["cors"]["headers"]]
    assert "Access-Control-Allow-Methods" in names
    assert "the host answers this preflight itself" in step(document, 2)["hints"][0]


async def test_a_refused_preflight_leads_to_cors_and_not_to_the_methods(tmp_path: Path) -> None:
    origin, wanted = ("Origin", "https://evil.example"), ("Access-Control-Request-Method", "POST")

    document = await explained(write_app(tmp_path), "OPTIONS", "/api/negotiate", origin, wanted)

    assert step(document, 2)["problems"] == []
    assert "the host refuses this preflight" in step(document, 2)["hints"][0]
    assert "The function runs" not in step(document, 1)["hints"][0]


async def test_a_request_that_is_asked_about_first_never_runs(tmp_path: Path) -> None:
    origin, sent = ("Origin", "https://evil.example"), ("X-Requested-With", "XMLHttpRequest")

    document = await explained(write_app(tmp_path), "POST", "/api/negotiate", origin, sent)

    assert "so the function does not run" in step(document, 1)["hints"][0]


async def test_a_function_that_did_not_load_is_the_reason_with_its_place(tmp_path: Path) -> None:
    write_app(tmp_path)
    (tmp_path / "brk").mkdir()
    (tmp_path / "brk" / "function.json").write_text("{bad")

    (problem,) = step(await explained(tmp_path, "POST", "/api/brk"), 2)["problems"]

    assert problem["why"].startswith("brk did not load: ")
    assert "(brk/function.json:1:" in problem["why"]
    assert (problem["file"], problem["line"]) == ("brk/function.json", 1)


async def test_a_path_like_no_route_has_no_second_sentence(tmp_path: Path) -> None:
    (problem,) = step(await explained(write_app(tmp_path), "GET", "/nowhere"), 2)["problems"]

    assert problem["why"] is None


async def test_any_function_can_be_fired_by_hand(tmp_path: Path) -> None:
    root = write_app(tmp_path)
    document = await explained(root, "POST", "/admin/functions/tick", body=b"{}")
    nobody = await explained(root, "POST", "/admin/functions/nobody", body=b"{}")

    assert (document["function"], document["trigger"]) == ("tick", "timerTrigger")
    assert step(nobody, 2)["problems"][0]["why"].startswith("the functions are: ")


async def test_a_function_fired_by_hand_gets_the_member_input(tmp_path: Path) -> None:
    root = write_app(tmp_path)
    seen = await explained(root, "POST", "/admin/functions/send", body=b'{"input": "hello"}')
    refused = await explained(root, "POST", "/admin/functions/send", body=b"hello")

    assert step(seen, 1)["request"]["body"] == "hello"
    assert '{"input": ' in step(refused, 2)["problems"][0]["why"]


async def test_a_timer_teaches_nothing_of_signalr_events(tmp_path: Path) -> None:
    document = await explained(write_app(tmp_path), "POST", "/admin/functions/tick", body=b"{}")

    assert "data-context" not in rules(step(document, 3))


MESSAGE_OF_A_CLIENT = (
    ("X-ASRS-Hub", "chat"),
    ("X-ASRS-Category", "messages"),
    ("X-ASRS-Connection-Id", "c1"),
    ("Content-Type", "application/json"),
)


async def test_an_event_of_the_service_is_explained_like_a_request(tmp_path: Path) -> None:
    write_app(tmp_path)
    (tmp_path / "ping").mkdir()
    trigger = {"type": "signalRTrigger", "direction": "in", "name": "call", "hubName": "chat",
               "category": "messages", "event": "ping"}  # fmt: skip
    (tmp_path / "ping" / "function.json").write_text(json.dumps({"bindings": [trigger]}))
    (tmp_path / "ping" / "__init__.py").write_text("def main(call):\n    pass\n")
    url, body = "/runtime/webhooks/signalr", b'{"type":1,"target":"ping","arguments":[1]}'

    named = [("X-ASRS-Event", name) for name in ("ping", "pong")]
    found, missed = [
        await explained(tmp_path, "POST", url, *MESSAGE_OF_A_CLIENT, event, body=body)
        for event in named
    ]
    bare = await explained(tmp_path, "POST", url)

    assert (found["function"], found["outcome"]) == ("ping", "explained")
    assert step(found, 1)["payload"]["Arguments"] == [1]
    assert "event 'pong' is not 'ping'" in step(missed, 2)["problems"][0]["why"]
    assert step(missed, 2)["rejected"][0]["route"] == "chat · messages · ping"
    assert "POST /admin/functions/NAME" in step(bare, 2)["problems"][0]["fix"]


async def test_outputs_are_declared_and_their_hubs_checked(tmp_path: Path) -> None:
    write_app(tmp_path)
    file = tmp_path / "send" / "function.json"
    document = json.loads(file.read_text("utf-8"))
    document["bindings"][2] = {**SEND, "hubName": "chta"}
    file.write_text(json.dumps(document), "utf-8")

    found = step(await explained(tmp_path, "POST", "/api/send/ann"), 7)

    assert [one["name"] for one in found["declared"]] == ["messages", "$return"]
    assert "no function of this app lets clients into hub 'chta'" in found["hints"][0]


async def test_a_level_that_needs_a_key_on_azure_is_labelled(tmp_path: Path) -> None:
    write_app(tmp_path)
    file = tmp_path / "send" / "function.json"
    file.write_text(file.read_text("utf-8").replace("anonymous", "function"), "utf-8")

    found = step(await explained(tmp_path, "POST", "/api/send/ann"), 2)

    assert {rule["id"]: rule["label"] for rule in found["rules"]}["key-not-asked"] == "differs here"


async def test_a_function_by_hand_that_is_left_out(tmp_path: Path) -> None:
    write_app(tmp_path)
    host = {"version": "2.0", "functions": ["negotiate"]}
    (tmp_path / "host.json").write_text(json.dumps(host), "utf-8")

    document = await explained(tmp_path, "POST", "/admin/functions/tick", body=b'{"input": ""}')

    (problem,) = document["problems"]
    assert problem["why"].startswith("tick is left out: host.json has a list of functions")
    assert 'add "tick"' in problem["fix"]


@pytest.mark.parametrize("path", ["/", "/.auth/me"])
async def test_an_address_that_the_host_serves_itself(path: str, tmp_path: Path) -> None:
    document = await explained(write_app(tmp_path), "GET", path)

    assert (document["outcome"], document["problems"]) == ("explained", [])
    assert step(document, 2)["hints"][0].startswith("the host answers this itself, ")


ASRS = (
    ("X-ASRS-Hub", "chat"),
    ("X-ASRS-Category", "messages"),
    ("X-ASRS-Connection-Id", "c1"),
    ("Content-Type", "application/json"),
)
WEBHOOK = "/runtime/webhooks/signalr"
MESSAGE = b'{"type":1,"target":"ping","arguments":[]}\x1e'


async def test_an_event_of_the_service_has_the_reason_that_the_host_logs(tmp_path: Path) -> None:
    write_app(tmp_path)
    (tmp_path / "ping").mkdir()
    trigger = {"type": "signalRTrigger", "direction": "in", "name": "it", "hubName": "chat",
               "category": "messages", "event": "ping"}  # fmt: skip
    (tmp_path / "ping" / "function.json").write_text(json.dumps({"bindings": [trigger]}), "utf-8")
    (tmp_path / "ping" / "__init__.py").write_text("def main(it):\n    pass\n", "utf-8")

    event = ("X-ASRS-Event", "ping")
    found = await explained(tmp_path, "POST", WEBHOOK, *ASRS, event, body=MESSAGE)
    other = ("X-ASRS-Event", "pnig")
    missed = await explained(tmp_path, "POST", WEBHOOK, *ASRS, other, body=MESSAGE)

    assert step(found, 1)["reason"] == "SignalR messages 'ping' of connection c1"
    (problem,) = missed["problems"]
    assert problem["fix"].startswith("correct hubName, category or event in function.json")
