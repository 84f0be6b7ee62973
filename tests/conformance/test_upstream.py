"""Upstream requests and the completions made of their answers, by vectors.

`given` has `rules` (items of the settings file), `client`, and either `event`, `message`, or the
client's own
`record` (`hex` for MessagePack). `response` is 200 and empty unless it says otherwise. In `expect`,
`url` null means that
no request is made, a header null that it is absent, `completion` null a result of nothing or no
answer at all.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from funcjson.signalr.events import ClientInfo
from funcjson.signalr.messages import Completion, Invocation
from funcjson.signalr.protocols import PROTOCOLS
from funcjson.signalr.upstream import Upstream
from funcjson.signalr.upstream_sender import (
    ResponseTooLarge,
    UpstreamFailed,
    UpstreamRequest,
    UpstreamResponse,
)
from funcjson.signalr.upstream_settings import fixed, read_settings

VECTORS = Path(__file__).parent / "vectors" / "upstream.json"
KEY = "k" * 44


class FakeSender:
    def __init__(self, given: dict[str, Any]) -> None:
        self.given = given
        self.requests: list[UpstreamRequest] = []

    async def __call__(self, request: UpstreamRequest) -> UpstreamResponse:
        self.requests.append(request)
        if "fails" in self.given:
            raise UpstreamFailed(self.given["fails"])
        if "too large" in self.given:
            raise ResponseTooLarge
        body = self.given.get("body", "").encode()
        if "hex" in self.given:
            body = bytes.fromhex(self.given["hex"])
        return UpstreamResponse(self.given.get("status", 200), body)


def client_of(given: dict[str, Any]) -> ClientInfo:
    return ClientInfo(
        given["id"],
        given["hub"],
        given.get("user"),
        given.get("claims", {}),
        given.get("query", ""),
        given.get("protocol", "json"),
        "WebSockets",
    )


def message_of(given: dict[str, Any]) -> Invocation:
    if "message" in given:
        said = given["message"]
        return Invocation(said["target"], said["arguments"], said.get("invocationId"))
    protocol = PROTOCOLS[given["client"].get("protocol", "json")]
    record = bytes.fromhex(given["hex"]) if "hex" in given else given["record"].encode()
    message = protocol.parse(record)
    assert isinstance(message, Invocation)
    return message


async def run(upstream: Upstream, given: dict[str, Any]) -> Completion | bytes | None:
    client = client_of(given["client"])
    if given.get("event") == "connected":
        assert await upstream.connected(client) is None
        return None
    if given.get("event") == "disconnected":
        await upstream.disconnected(client, given.get("error"))
        return None
    return await upstream.message(client, message_of(given))


def check_request(expect: dict[str, Any], requests: list[UpstreamRequest]) -> None:
    if "url" in expect and expect["url"] is None:
        assert requests == []
        return
    (request,) = requests
    assert request.url == expect.get("url", request.url)
    assert request.body.decode("utf-8", "replace") == expect.get(
        "body", request.body.decode("utf-8", "replace")
    )
    if "hex" in expect:
        assert request.body.hex() == expect["hex"]
    for name, value in expect.get("headers", {}).items():
        assert request.headers.get(name) == value


def check_answer(expect: dict[str, Any], answer: Completion | bytes | None) -> None:
    if "raw" in expect:
        assert answer == expect["raw"].encode()
    if "hex_raw" in expect:
        assert answer == bytes.fromhex(expect["hex_raw"])
    if expect.get("completion", ...) is None:
        assert answer is None
    elif "completion" in expect:
        assert isinstance(answer, Completion)
        wanted = expect["completion"]
        assert answer.error == wanted.get("error")
        assert answer.has_result is ("result" in wanted)
        assert answer.result == wanted.get("result")


@pytest.mark.parametrize(
    "vector",
    [pytest.param(each, id=each["title"]) for each in json.loads(VECTORS.read_text("utf-8"))],
)
async def test_upstream(vector: dict[str, Any]) -> None:
    given = vector["given"]
    sender = FakeSender(given.get("response", {}))
    rules = read_settings(json.dumps({"UpstreamSettings": {"Templates": given["rules"]}}))
    upstream = Upstream(fixed(*rules), given.get("keys", [KEY]), sender)
    answer = await run(upstream, given)

    check_request(vector["expect"], sender.requests)
    check_answer(vector["expect"], answer)
