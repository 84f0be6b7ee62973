"""explain request --run: a real worker, a local service, clients over real sockets; nothing leaves this machine."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from tests.unit.explaining.explained_app import write_app

from funcjson.explaining.clients import parse_client
from funcjson.explaining.request import Asked, explain_request
from funcjson.inspector.capsule import make_capsule, read_capsule
from funcjson.replay import replay

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
